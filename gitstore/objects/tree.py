"""Tree objects: encoding, parsing, and the names that a tree may have."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import chain
from typing import NamedTuple

from gitstore.packs.oid import Oid
from gitstore.text import quoted

# HFS+ ignores these in a name, so that `.g\u200cit` there is `.git`; the list is in git's utf8.c.
_IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)


def _pattern_on_ntfs(name: str, short: str) -> re.Pattern[str]:
    """Match a dot and a name, or its short names on NTFS; is_ntfs_dot_generic() of git's path.c."""
    starts = "|".join(short[:length] for length in range(len(short), -1, -1))
    return re.compile(rf"\.{name}|{name[:6]}~[1-4]|(?=.{{8}}$)({starts})~[1-9]\d*")


_GITMODULES = _pattern_on_ntfs("gitmodules", "gi7eba")
_ATTRIBUTES = _pattern_on_ntfs("gitattributes", "gi7d29")
_READ_BY_GIT = (_ATTRIBUTES, _pattern_on_ntfs("gitignore", "gi250a"), _pattern_on_ntfs("mailmap", "maba30"))
_ENTRY = re.compile(rb"([0-7]+) ([^\0]*)\0(.{20})", re.DOTALL)


class Mode(IntEnum):
    """The modes that git writes into trees."""

    TREE = 0o040000
    FILE = 0o100644
    EXECUTABLE = 0o100755
    LINK = 0o120000
    GITLINK = 0o160000


_TREE, _GITLINK = b"%o" % Mode.TREE, b"%o" % Mode.GITLINK


class TreeEntry(NamedTuple):
    """An entry of a tree. `mode` is the number in the tree; old or foreign trees may have odd ones."""

    mode: int
    name: bytes
    oid: Oid

    @property
    def is_tree(self) -> bool:
        return self.mode == Mode.TREE

    @property
    def is_file(self) -> bool:
        return self.mode & 0o170000 == 0o100000


def _sort_key(entry: TreeEntry) -> bytes:
    """Return the key by which git sorts a tree: directories as if their names ended in `/`."""
    return entry.name + b"/" if entry.mode == Mode.TREE else entry.name


def encode(entries: Iterable[TreeEntry]) -> bytes:
    """Return the content of a tree object, sorted as git requires."""
    ordered = sorted(entries, key=_sort_key)
    return b"".join(b"%o %s\0%s" % (entry.mode, entry.name, entry.oid) for entry in ordered)


def parse(content: bytes) -> list[TreeEntry]:
    """Return the entries of a tree object. Raises `ValueError` if it is malformed.

    Names must be unique and in git's order. Of two entries with one name, git shows the first, and a mapping
    would keep the second.
    """
    entries = parse_loosely(content)
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        duplicate = next(name for name, times in Counter(names).items() if times > 1)
        raise ValueError(f"it has {quoted(os.fsdecode(duplicate))} twice")
    if b"" in names or b"/" in b"".join(names):
        name = next(name for name in names if name == b"" or b"/" in name)
        raise ValueError(f"it has {quoted(os.fsdecode(name))}, which is not a file name")
    ordered = [_sort_key(entry) for entry in entries]
    if ordered != sorted(ordered):
        raise ValueError("its entries are not in order")
    return entries


def parse_loosely(content: bytes) -> list[TreeEntry]:
    """Return the entries of any tree that git follows, even in a wrong order. Raises `ValueError`.

    For code that must find every object that a repository needs. Code that looks up names uses `parse`.
    """
    return [TreeEntry(int(mode, 8), name, Oid(oid)) for mode, name, oid in _find_entries(content)]


def list_children(content: bytes) -> list[tuple[Oid, bool, bytes]]:
    """Return the objects in any tree that git follows, without submodules. Raises `ValueError`.

    Each comes with its name, and before that whether it is a leaf: no tree. They are plain tuples: a walk
    over a repository reads millions of them.
    """
    return [
        (Oid(oid), mode.lstrip(b"0") != _TREE, name)
        for mode, name, oid in _find_entries(content)
        if mode.lstrip(b"0") != _GITLINK
    ]


def _find_entries(content: bytes) -> list[tuple[bytes, bytes, bytes]]:
    matches: list[tuple[bytes, bytes, bytes]] = _ENTRY.findall(content)
    # The entries must cover all bytes: there may be others between two entries, or after the last.
    if sum(map(len, chain.from_iterable(matches))) + len(b" \0") * len(matches) != len(content):
        raise ValueError("a part of it is not an entry")
    return matches


def name_problem(name: bytes) -> str | None:
    """Return why git refuses a name in a tree (fsck, `core.protectHFS`, `core.protectNTFS`), or `None`."""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        return "is not a file name"
    for reading in _readings(name):
        if reading in (".git", "git~1"):
            return "is a name that git reserves"
        if _GITMODULES.fullmatch(reading):
            return "is a name that git uses for submodules"
    return None


def is_attributes(name: bytes) -> bool:
    """Whether git reads a file of this name as attributes, on some file system."""
    return any(_ATTRIBUTES.fullmatch(reading) for reading in _readings(name))


def is_read_by_git(name: bytes) -> bool:
    """Whether git reads a file of this name, on some file system: attributes, ignore rules, a mailmap."""
    return any(pattern.fullmatch(reading) for reading in _readings(name) for pattern in _READ_BY_GIT)


def _readings(name: bytes) -> Iterator[str]:
    """Yield the names that file systems may take a name for."""
    text = name.decode("utf-8", "surrogateescape").translate(_IGNORED_BY_HFS)
    for piece in text.split("\\"):
        yield piece.split(":")[0].rstrip(" .").lower()
