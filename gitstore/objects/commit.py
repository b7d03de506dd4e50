"""Commit objects: encoding and parsing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitstore.objects.oid import Oid


class Commit(NamedTuple):
    """What gitstore needs to know of a commit."""

    tree: Oid
    parents: tuple[Oid, ...]


def encode(tree: Oid, parents: Sequence[Oid], identity: str, message: str) -> bytes:
    """The content of a commit whose author and committer is `identity` (name, mail, time, zone)."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {identity}", f"committer {identity}", "", message]
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def parse(content: bytes) -> Commit:
    """A commit's tree and parents; `ValueError` if it is malformed."""
    tree: Oid | None = None
    parents = []
    for line in content.partition(b"\n\n")[0].split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"tree":
            tree = Oid.parse(value.decode("ascii", "replace"))
        elif key == b"parent":
            parents.append(Oid.parse(value.decode("ascii", "replace")))
    if tree is None:
        raise ValueError("it has no tree")
    return Commit(tree, tuple(parents))
