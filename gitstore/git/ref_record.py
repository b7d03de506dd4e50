"""Which refs there were, and which of them vanished without gitstore having removed them.

A ref that gitstore deletes or moves frees what it held at once. One that just is not there any more, say
because packed-refs was cut by a crash or a copy tool, must not take its snapshot along with the next gc.
So each change by gitstore is noted in a file, and gc notes all refs that it sees. The file is no truth:
without it, nothing is known to be missing.

A line is `changed OLD NEW REF` or `missed TIME OID REF`; the id of a ref that is not there is zeros.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gitstore.disk import locks
from gitstore.disk.atomic import replace_file
from gitstore.disk.permissions import share
from gitstore.errors import Locked
from gitstore.packs.oid import Oid

NAMESPACES = ("refs/tags/", "refs/states/", "refs/heads/", "refs/notes/")
"""What is recorded: refs that are made on purpose, not those that git brings from elsewhere."""

_ABSENT = "0" * 40


class Vanished(NamedTuple):
    """What a ref held before it vanished or was moved by somebody else, and when that was first noticed."""

    ref: str
    oid: Oid
    since: float


@dataclass
class _Known:
    """The refs as they should be, and those that are missed, with the time of that."""

    refs: dict[str, Oid] = field(default_factory=dict)
    missed: dict[tuple[str, Oid], float] = field(default_factory=dict)

    def change(self, ref: str, old: Oid | None, new: Oid | None, now: float) -> None:
        before = self.refs.pop(ref, None)
        if before is not None and before not in (old, new):
            self.missed.setdefault((ref, before), now)
        if new is not None:
            self.refs[ref] = new
            self.missed.pop((ref, new), None)


class RefRecord:
    """The record of a repository. Unsynced: what a power cut takes of it is noted again by the next gc."""

    def __init__(self, private: Path) -> None:
        self._private = private
        self._path = private / "refs-seen"

    def note(self, changes: Iterable[tuple[str, Oid | None, Oid | None]]) -> None:
        """Note what gitstore has changed: refs, and what each held before and holds now.

        What cannot be written is done without: then the ref is missed, and what it held is kept longer.
        """
        noted = [change for change in changes if _is_ours(change[0])]
        lines = [f"changed {old or _ABSENT} {new or _ABSENT} {ref}\n" for ref, old, new in noted]
        if lines:
            with suppress(OSError, Locked), locks.record(self._private), self._path.open("ab") as file:
                share(self._path)
                file.write("".join(lines).encode("utf-8", "surrogateescape"))

    def vanished(self, refs: Mapping[str, Oid]) -> list[Vanished]:
        """What refs held that are not among the `refs` of the repository, or hold something else there."""
        known = self._compared(refs)
        return sorted(Vanished(ref, oid, since) for (ref, oid), since in known.missed.items())

    def update(self, refs: Mapping[str, Oid], missed: Iterable[Vanished]) -> None:
        """Write the record anew: the refs that there are, and those that are still missed."""
        lines = [f"changed {_ABSENT} {oid} {ref}\n" for ref, oid in refs.items() if _is_ours(ref)]
        lines += [f"missed {int(each.since)} {each.oid} {each.ref}\n" for each in missed]
        content = "".join(lines).encode("utf-8", "surrogateescape")
        with locks.record(self._private):
            replace_file(self._path, content)
            with suppress(OSError):  # another's file
                share(self._path)

    def _compared(self, refs: Mapping[str, Oid]) -> _Known:
        known, now = self._read(), time.time()
        for ref in list(known.refs):
            current = refs.get(ref)
            # A branch moves with each commit, and its reflog remembers.
            if current is None or not ref.startswith("refs/heads/"):
                known.change(ref, current, current, now)
        return known

    def _read(self) -> _Known:
        known, now = _Known(), time.time()
        try:
            lines = self._path.read_bytes().decode("utf-8", "surrogateescape").splitlines()
        except OSError:
            return known
        for line in lines:
            with suppress(ValueError):  # a torn line
                word, first, second, ref = line.split(" ", 3)
                if word == "changed":
                    known.change(ref, _parse(first), _parse(second), now)
                elif word == "missed":
                    known.missed[ref, Oid.parse(second)] = float(first)
        return known


def _is_ours(ref: str) -> bool:
    return ref.startswith(NAMESPACES)


def _parse(digits: str) -> Oid | None:
    return None if digits == _ABSENT else Oid.parse(digits)
