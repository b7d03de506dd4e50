"""What a push asks for, as git tells its hooks, githooks(5)."""

from __future__ import annotations

from typing import NamedTuple

from gitstore.packs.oid import Oid


class AskedChange(NamedTuple):
    """A line that a hook reads: a ref, and what it was and will be; `None` if it does not exist."""

    ref: str
    old: Oid | None
    new: Oid | None


def parse_changes(lines: bytes) -> list[AskedChange]:
    """Return what a push asks for, from the standard input of pre-receive or post-receive."""
    changes = []
    for line in lines.splitlines():
        old, new, ref = line.split(b" ", 2)
        changes.append(AskedChange(ref.decode("utf-8", "surrogateescape"), _parse(old), _parse(new)))
    return changes


def _parse(digits: bytes) -> Oid | None:
    return Oid.parse(digits) if digits.strip(b"0") else None
