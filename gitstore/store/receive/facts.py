"""The facts of a push, read from git's quarantine before anything of it is visible.

The quarantine is the directory that git names in GIT_QUARANTINE_PATH while pre-receive runs
(git-receive-pack(1)). Memory and time are bounded: sizes are compared with the limits before contents are
read, each tree is read once, and blobs are not read, except settings and the targets of links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.policy.limits import PushLimits
from gitstore.policy.push import Push
from gitstore.policy.role import Role


class AskedChange(NamedTuple):
    """A line that pre-receive reads: a ref, and what it was and will be; `None` if it does not exist."""

    ref: str
    old: Oid | None
    new: Oid | None


@dataclass(frozen=True)
class NeededObjects:
    """What a pushed ref needs and no ref before it in the charging order did: ids with bytes in packs.

    `tag` is the id of the tag object, if the ref is a snapshot's. The objects are those of the quarantine,
    with their bytes there, and those that exist already, but that no ref seems to need (`is_reused`).
    """

    ref: str
    tag: Oid | None
    objects: Mapping[Oid, int]


@dataclass(frozen=True)
class Facts:
    """The facts of a push, for the policy, and for the ledger in the order in which objects are charged.

    `relied_on` are objects that the push needs, that exist outside of the quarantine, and that perhaps no ref
    holds: after the reservation, `find_missing` must return none of them.
    """

    push: Push
    needed: tuple[NeededObjects, ...] = ()
    relied_on: tuple[Oid, ...] = field(default=(), repr=False)


def parse_changes(lines: bytes) -> list[AskedChange]:
    """Return what a push asks for, from the standard input of pre-receive (githooks(5))."""
    changes = []
    for line in lines.splitlines():
        old, new, ref = line.split(b" ", 2)
        changes.append(AskedChange(ref.decode("utf-8", "surrogateescape"), _parse(old), _parse(new)))
    return changes


def _parse(digits: bytes) -> Oid | None:
    return Oid.parse(digits) if digits.strip(b"0") else None


def collect(
    repository: Repository,
    changes: Sequence[AskedChange],
    *,
    quarantine: Path | None,
    role: Role,
    limits: PushLimits,
) -> Facts:
    """Return the facts of a push. `quarantine` is `None` if the push brings no objects.

    Raises `Corrupt` if the repository itself is damaged, and `GitFailed`.
    """
    raise NotImplementedError


def find_missing(repository: Repository, oids: Sequence[Oid]) -> list[Oid]:
    """Return those of some objects that are not in the repository, outside of any quarantine."""
    repository.objects.refresh()
    return repository.objects.list_missing(oids)
