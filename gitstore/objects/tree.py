"""Tree objects: encoding, parsing, and which names may stand in one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from itertools import chain
from typing import NamedTuple

from gitstore.objects.oid import Oid

# What HFS+ ignores in a name, so that `.g\u200cit` there is `.git`; the list of git's utf8.c.
_IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)

# .gitmodules, and the short names that NTFS may give it; is_ntfs_dot_generic() of git's path.c.
_GITMODULES = re.compile(r"\.gitmodules|gitmod~[1-4]|(?=.{8}$)(gi7eba|gi7eb|gi7e|gi7|gi|g|)~[1-9]\d*")


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


def encode(entries: Iterable[TreeEntry]) -> bytes:
    """The content of a tree object, sorted as git wants it: directories as if their names ended in `/`."""
    ordered = sorted(entries, key=lambda entry: entry.name + b"/" if entry.is_tree else entry.name)
    return b"".join(b"%o %s\0%s" % (entry.mode, entry.name, entry.oid) for entry in ordered)


def parse(content: bytes) -> list[TreeEntry]:
    """The entries of a tree object; `ValueError` if it is malformed."""
    found = _ENTRY.findall(content)
    # What stands between two entries, or after the last, is in none.
    if sum(map(len, chain.from_iterable(found))) + len(b" \0") * len(found) != len(content):
        raise ValueError("not all of it is entries")
    return [TreeEntry(int(mode, 8), name, Oid(oid)) for mode, name, oid in found]


def name_problem(name: bytes) -> str | None:
    """Why git would refuse this name in a tree (fsck, `core.protectHFS`, `core.protectNTFS`), or `None`."""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        return "is not a file name"
    text = name.decode("utf-8", "surrogateescape").translate(_IGNORED_BY_HFS)
    for piece in text.split("\\"):
        plain = piece.split(":")[0].rstrip(" .").lower()
        if plain in (".git", "git~1"):
            return "is a name that git keeps for itself"
        if _GITMODULES.fullmatch(plain):
            return "is a name that git gives a meaning to (submodules)"
    return None
