"""Tree objects: encoding, parsing, and which names may stand in one."""

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

# What HFS+ ignores in a name, so that `.g\u200cit` there is `.git`; the list of git's utf8.c.
_IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)


def _as_ntfs_has_it(name: str, short: str) -> re.Pattern[str]:
    """A name with a dot before it, and its short names on NTFS; is_ntfs_dot_generic() of git's path.c."""
    starts = "|".join(short[:length] for length in range(len(short), -1, -1))
    return re.compile(rf"\.{name}|{name[:6]}~[1-4]|(?=.{{8}}$)({starts})~[1-9]\d*")


_GITMODULES = _as_ntfs_has_it("gitmodules", "gi7eba")
_ATTRIBUTES = _as_ntfs_has_it("gitattributes", "gi7d29")
_READ_BY_GIT = (_ATTRIBUTES, _as_ntfs_has_it("gitignore", "gi250a"), _as_ntfs_has_it("mailmap", "maba30"))
_ENTRY = re.compile(rb"([0-7]+) ([^\0]*)\0(.{20})", re.DOTALL)


class Mode(IntEnum):
    """The modes that git writes into trees."""

    TREE = 0o040000
    FILE = 0o100644
    EXECUTABLE = 0o100755
    LINK = 0o120000
    GITLINK = 0o160000


class TreeEntry(NamedTuple):
    """One line of a tree. `mode` is the number as it stands, which old or foreign trees may have odd."""

    mode: int
    name: bytes
    oid: Oid

    @property
    def is_tree(self) -> bool:
        return self.mode == Mode.TREE

    @property
    def is_file(self) -> bool:
        return self.mode & 0o170000 == 0o100000


def _place(entry: TreeEntry) -> bytes:
    """What a tree is sorted by: directories as if their names ended in `/`."""
    return entry.name + b"/" if entry.mode == Mode.TREE else entry.name


def encode(entries: Iterable[TreeEntry]) -> bytes:
    """The content of a tree object, sorted as git wants it: directories as if their names ended in `/`."""
    ordered = sorted(entries, key=_place)
    return b"".join(b"%o %s\0%s" % (entry.mode, entry.name, entry.oid) for entry in ordered)


def parse(content: bytes) -> list[TreeEntry]:
    """The entries of a tree object; `ValueError` if it is malformed.

    A name must be there once, and in git's order: of two entries with one name, git shows the first, and
    who makes a mapping of them would take the second.
    """
    entries = parse_loosely(content)
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise ValueError(f"it has {quoted(os.fsdecode(twice))} twice")
    if b"" in names or b"/" in b"".join(names):
        name = next(name for name in names if name == b"" or b"/" in name)
        raise ValueError(f"it has {quoted(os.fsdecode(name))}, which is no file name")
    ordered = [_place(entry) for entry in entries]
    if ordered != sorted(ordered):
        raise ValueError("its entries are not in order")
    return entries


def parse_loosely(content: bytes) -> list[TreeEntry]:
    """The entries of any tree that git follows, wrong order and all; `ValueError` if they are not entries.

    For who must miss nothing that a repository needs. To go by names is for `parse`.
    """
    found = _ENTRY.findall(content)
    # What stands between two entries, or after the last, is in none.
    if sum(map(len, chain.from_iterable(found))) + len(b" \0") * len(found) != len(content):
        raise ValueError("not all of it is entries")
    return [TreeEntry(int(mode, 8), name, Oid(oid)) for mode, name, oid in found]


def name_problem(name: bytes) -> str | None:
    """Why git would refuse this name in a tree (fsck, `core.protectHFS`, `core.protectNTFS`), or `None`."""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        return "is not a file name"
    for plain in _readings(name):
        if plain in (".git", "git~1"):
            return "is a name that git keeps for itself"
        if _GITMODULES.fullmatch(plain):
            return "is a name that git gives a meaning to (submodules)"
    return None


def is_attributes(name: bytes) -> bool:
    """Whether git takes a file of this name for attributes, on some file system."""
    return any(_ATTRIBUTES.fullmatch(plain) for plain in _readings(name))


def is_read_by_git(name: bytes) -> bool:
    """Whether git reads a file of this name, on some file system: attributes, ignore rules, a mailmap."""
    return any(pattern.fullmatch(plain) for plain in _readings(name) for pattern in _READ_BY_GIT)


def _readings(name: bytes) -> Iterator[str]:
    """What file systems may take a name for."""
    text = name.decode("utf-8", "surrogateescape").translate(_IGNORED_BY_HFS)
    for piece in text.split("\\"):
        yield piece.split(":")[0].rstrip(" .").lower()
