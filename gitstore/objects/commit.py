"""Commit objects: encoding and parsing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from gitstore.objects.tag import parse_identity, split_trailers
from gitstore.packs.oid import Oid

# Like git: first the tree, then all parents. Lines further down that look like these are text.
_HEAD = re.compile(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*+)(?!parent )")


class Commit(NamedTuple):
    """The parts of a commit that gitstore needs."""

    tree: Oid
    parents: tuple[Oid, ...]


class CommitText(NamedTuple):
    """Who made a commit, when, and what it says. `message` is without the trailers.

    Of a trailer that is there more than once, all values are in `trailers`, in their order.
    """

    author: str
    date: datetime | None
    message: str
    trailers: Mapping[str, Sequence[str]]


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


def parse_text(content: bytes) -> CommitText:
    """Return what people wrote into a commit. What is malformed is missing in the result."""
    head, _, body = content.decode("utf-8", "surrogateescape").partition("\n\n")
    line = next((line[7:] for line in head.split("\n") if line.startswith("author ")), "")
    author, date = parse_identity(line)
    message, lines = split_trailers(body)
    trailers: dict[str, list[str]] = {}
    for key, value in lines:
        trailers.setdefault(key, []).append(value)
    return CommitText(author, date, message, trailers)
