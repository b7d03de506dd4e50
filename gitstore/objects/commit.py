"""Commit objects: encoding and parsing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gitstore.packs.oid import Oid

# Like git: first the tree, then all parents. Lines further down that look like these are text.
_HEAD = re.compile(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*+)(?!parent )")


class Commit(NamedTuple):
    """The parts of a commit that gitstore needs."""

    tree: Oid
    parents: tuple[Oid, ...]


def encode(tree: Oid, parents: Sequence[Oid], *, identity: str, message: str) -> bytes:
    """Return the content of a commit whose author and committer is `identity` (name, mail, time, zone)."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {identity}", f"committer {identity}", "", message]
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def parse(content: bytes) -> Commit:
    """Return a commit's tree and parents. Raises `ValueError` if it is malformed."""
    match = _HEAD.match(content)
    if match is None:
        raise ValueError("it does not begin with a tree and its parents")
    tree, parents = match.groups()
    return Commit(Oid.parse(tree), tuple(map(Oid.parse, parents.split()[1::2])))
