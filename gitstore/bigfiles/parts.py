"""The parts of a large file, and the directory that holds them (docs/format.md, Parts).

`cat NAME.parts/*` prints the file. A directory in which a part is stored as byte planes, which `cat` would
join wrongly, is called `NAME.planes`. There, the name of such a part ends with the width of its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs.oid import Oid
from gitstore.packs.planes import WIDTHS

LARGE = 4 * 1024 * 1024
"""Files of at least this many bytes are stored in parts, smaller ones as one blob."""

PARTS = b".parts"
PLANES = b".planes"
SUFFIXES = (PARTS, PLANES)
"""The suffixes of directories of parts. No other name in a state may have one of them."""

_NAME = re.compile(rb"([0-9]{8})(?:\.([%s]))?" % "".join(map(str, WIDTHS)).encode())


class Part(NamedTuple):
    """A part: the id of its blob, and the width in bytes of the words whose planes that holds.

    A width of 1 means that the blob holds the bytes of the file. Equal parts hold equal bytes; the same blob
    with another width holds other bytes.
    """

    oid: Oid
    width: int = 1


class StateEntry(NamedTuple):
    """A file's entry in the tree of a state: its id, and what the entry's name has behind the file's name.

    A file in parts has a suffix of directories of parts, another file has none.
    """

    oid: Oid
    suffix: bytes

    @property
    def mode(self) -> int:
        """The mode of the entry."""
        return Mode.TREE if self.suffix else Mode.FILE


def part_name(number: int, width: int = 1) -> bytes:
    """Return the name of a part in its directory. In the order of the names, the parts are the file."""
    return b"%08d" % number if width == 1 else b"%08d.%d" % (number, width)


def suffix_of(parts: Iterable[Part]) -> bytes:
    """Return the suffix of the directory that holds these parts."""
    return PLANES if any(part.width > 1 for part in parts) else PARTS


def find_suffix(name: bytes) -> bytes:
    """Return the suffix of a name of a directory of parts; nothing if it is another name."""
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), b"")


def to_entries(parts: Iterable[Part]) -> list[TreeEntry]:
    """Return the entries of the tree that holds these parts."""
    return [
        TreeEntry(Mode.FILE, part_name(number, part.width), part.oid) for number, part in enumerate(parts)
    ]


def from_entries(entries: Sequence[TreeEntry], suffix: bytes) -> tuple[Part, ...]:
    """Return the parts in a directory with this suffix.

    Raises `ValueError`, which says what is wrong, unless the entries are numbered from 0 without a gap, have
    a known width, and belong below this suffix.
    """
    if not entries:
        raise ValueError("it has no parts")
    parts = tuple(_from_entry(number, entry) for number, entry in enumerate(entries))
    if suffix_of(parts) != suffix:
        problem = "a part with planes" if suffix == PARTS else "no part with planes"
        raise ValueError(f"it is a directory {suffix.decode()} and has {problem}")
    return parts


def _from_entry(number: int, entry: TreeEntry) -> Part:
    name = _NAME.fullmatch(entry.name)
    if not entry.is_file or name is None or int(name[1]) != number:
        raise ValueError(f"{entry.name!r} stands where part {number:08d} should")
    return Part(entry.oid, int(name[2] or 1))
