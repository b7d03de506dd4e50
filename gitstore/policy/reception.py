"""What bounds git itself while it receives a push, before any rule is asked.

`git index-pack` inflates, hashes and checks all objects before pre-receive runs. A pack of a megabyte can
make it work for minutes and take gigabytes. These are the bounds that git has, each with its reason. The
configuration holds for every transport. The environment and the limit of the processor's time are for a front
that starts git itself: `gitstore store shell`, a CGI program.
"""

from __future__ import annotations

from typing import NamedTuple

from gitstore.policy.limits import PushLimits
from gitstore.units import MIB


class GitBound(NamedTuple):
    """A bound of git: a key of its configuration or a variable, its value, and what happens without it."""

    key: str
    value: str
    reason: str


CONFIGURATION = (
    GitBound(
        "core.deltaBaseCacheLimit",
        "8m",
        "index-pack keeps 96 MiB of the bases of deltas for each thread: 212 MiB for a chain of 40 deltas of"
        " 8 MiB, which takes 28 MiB with both of these",
    ),
    GitBound(
        "pack.threads",
        "1",
        "each thread holds a base, a delta and the result. Packs of gitstore have no deltas, so nothing gets"
        " slower",
    ),
)
"""Keys for the configuration of each repository in a store, beside receive.maxInputSize."""

_ALLOCATION = 40 * MIB
_OBJECT = 80  # bytes of the table in which index-pack has all objects, for each of them


def environment(limits: PushLimits) -> tuple[GitBound, ...]:
    """Return variables for git receive-pack, which all programs that it starts inherit."""
    return (
        GitBound(
            "GIT_ALLOC_LIMIT",
            str(max(_ALLOCATION, limits.objects * _OBJECT)),
            "one allocation of git is not larger: a delta of a hundred bytes can have a base of a gigabyte,"
            " whatever size it says. Large blobs are streamed, see core.bigFileThreshold",
        ),
    )


_SLOWEST = 10 * MIB  # bytes that index-pack inflates and hashes in a second, on a slow machine


def cpu_seconds(limits: PushLimits) -> int:
    """Return the seconds of the processor (RLIMIT_CPU) for each process of git that receives a push.

    A pack of zeros takes a thousand times longer than its bytes suggest. A program that is killed for it
    leaves nothing: receive-pack removes the quarantine.
    """
    return 60 + limits.inflated // _SLOWEST
