"""Commit objects: encoding and parsing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gitstore.packs.oid import Oid

# As git reads it: first the tree, then all parents. What looks like more of these further down is text.
_HEAD = re.compile(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*+)(?!parent )")


class Commit(NamedTuple):
    """What gitstore needs to know of a commit."""

    tree: Oid
    parents: tuple[Oid, ...]


def encode(tree: Oid, parents: Sequence[Oid], *, identity: str, message: str) -> bytes:
    """The content of a commit whose author and committer is `identity` (name, mail, time, zone)."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {identity}", f"committer {identity}", "", message]
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def parse(content: bytes) -> Commit:
    """A commit's tree and parents; `ValueError` if it is malformed."""
    match = _HEAD.match(content)
    if match is None:
        raise ValueError("it does not begin with a tree and its parents")
    tree, parents = match.groups()
    return Commit(Oid.parse(tree), tuple(map(Oid.parse, parents.split()[1::2])))
