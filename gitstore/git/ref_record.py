"""A record of the refs that existed, to find those that vanished without gitstore.

A ref that gitstore deletes or moves frees what it held at once. A ref that vanished otherwise, for instance
because a crash or a copy tool truncated packed-refs, must not lose its snapshot to the next gc. So a file
records each change that gitstore makes, and gc records all refs that it sees. The file is only a hint:
without it, no ref is known to be missing.

A line is `changed OLD NEW REF` or `missed TIME OID REF`. Zeros mean that the ref did not exist.
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

NAMESPACES = ("refs/tags/", "refs/states/", "refs/heads/", "refs/notes/", "refs/records/", "refs/aliases/")
"""The refs that are recorded: those that people create, not those that git fetches."""

_ABSENT = "0" * 40


class Vanished(NamedTuple):
    """What a ref held before it vanished or somebody else moved it, and when gitstore first noticed that."""

    ref: str
    oid: Oid
    since: float


@dataclass
class _Record:
    """The refs as they should be, and what they held and no longer hold, with the time since when."""

    refs: dict[str, Oid] = field(default_factory=dict)
    missed: dict[tuple[str, Oid], float] = field(default_factory=dict)

    def change(self, ref: str, *, old: Oid | None, new: Oid | None, time: float) -> None:
        """Apply a change. If the ref did not hold `old`, what it held is missed since `time`."""
        expected = self.refs.pop(ref, None)
        if expected is not None and expected not in (old, new):
            self.missed.setdefault((ref, expected), time)
        if new is not None:
            self.refs[ref] = new
            self.missed.pop((ref, new), None)


class RefRecord:
    """The record of a repository. It is not synced: after a power failure, the next gc records it again."""

    def __init__(self, private: Path) -> None:
        self._private = private
        self._path = private / "refs-seen"

    def note(self, changes: Iterable[tuple[str, Oid | None, Oid | None]]) -> None:
        """Record what gitstore has changed: refs, what each held before, and what it holds now.

        An error is ignored: then the ref is missed later, and what it held is kept longer.
        """
        recorded = [change for change in changes if _is_recorded(change[0])]
        lines = [f"changed {old or _ABSENT} {new or _ABSENT} {ref}\n" for ref, old, new in recorded]
        if lines:
            with suppress(OSError, Locked), locks.record(self._private), self._path.open("ab") as file:
                share(self._path)
                file.write("".join(lines).encode("utf-8", "surrogateescape"))

    def find_vanished(self, refs: Mapping[str, Oid]) -> list[Vanished]:
        """Return what refs held that do not exist any more in `refs`, or hold something else."""
        record = self._compare(refs)
        return sorted(Vanished(ref, oid, since) for (ref, oid), since in record.missed.items())

    def update(self, refs: Mapping[str, Oid], missed: Iterable[Vanished]) -> None:
        """Replace the record: the refs that exist, and those that are still missed."""
        lines = [f"changed {_ABSENT} {oid} {ref}\n" for ref, oid in refs.items() if _is_recorded(ref)]
        lines += [f"missed {int(vanished.since)} {vanished.oid} {vanished.ref}\n" for vanished in missed]
        content = "".join(lines).encode("utf-8", "surrogateescape")
        with locks.record(self._private):
            replace_file(self._path, content)
            with suppress(OSError):  # the file of another user
                share(self._path)

    def _compare(self, refs: Mapping[str, Oid]) -> _Record:
        record, clock = self._read(), time.time()
        for ref in list(record.refs):
            current = refs.get(ref)
            # A branch moves with each commit, and its reflog has what it held.
            if current is None or not ref.startswith("refs/heads/"):
                record.change(ref, old=current, new=current, time=clock)
        return record

    def _read(self) -> _Record:
        record, clock = _Record(), time.time()
        try:
            lines = self._path.read_bytes().decode("utf-8", "surrogateescape").splitlines()
        except OSError:
            return record
        for line in lines:
            with suppress(ValueError):  # a torn line
                word, first, second, ref = line.split(" ", 3)
                if word == "changed":
                    record.change(ref, old=_parse(first), new=_parse(second), time=clock)
                elif word == "missed":
                    record.missed[ref, Oid.parse(second)] = float(first)
        return record


def _is_recorded(ref: str) -> bool:
    return ref.startswith(NAMESPACES)


def _parse(digits: str) -> Oid | None:
    return None if digits == _ABSENT else Oid.parse(digits)
