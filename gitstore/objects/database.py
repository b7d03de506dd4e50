"""All objects of a repository: its packs, its loose objects, and those of its alternates."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from gitstore.errors import Corrupt, GitstoreError
from gitstore.packs import limits, loose
from gitstore.packs.lookup import PackSet
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack, Packed


class Deltas(Protocol):
    """Who reads what is stored as a delta. Raises `MissingObject` or `BrokenObject`."""

    def header(self, oid: Oid) -> tuple[Kind, int]:
        """The kind and the size of the content."""

    def read(self, oid: Oid) -> tuple[Kind, bytes]:
        """The kind and the content, not yet checked."""


_Found = TypeVar("_Found")
_LOOSE_NAME = re.compile("[0-9a-f]{38}")

_LOOKS = 5


_PARTIAL = "this is a partial clone; git fetch --refetch --no-filter --tags origin brings all that it lacks"
_ELSEWHERE = "a clone or a backup may still have the object; git fetch brings it back"


class MissingObject(Corrupt):
    """An object that something refers to is not in the repository."""

    def __init__(self, oid: Oid, hint: str | None = None) -> None:
        super().__init__(f"object {oid} is missing from the repository", hint)
        self.oid = oid


class BrokenObject(Corrupt):
    """An object's bytes are not those its id promises, or cannot be read at all."""

    def __init__(self, oid: Oid, why: str) -> None:
        super().__init__(f"object {oid} is corrupt: {why}")
        self.oid = oid


class TooLarge(BrokenObject):
    """An object is larger than what is read into memory of its kind."""


class ObjectDatabase:
    """Finds and reads objects. Safe to use from many threads.

    Whole entries of packs and loose objects are read here; deltas, which only stock git writes,
    are left to `deltas`.
    """

    def __init__(self, directory: Path, deltas: Deltas | None = None) -> None:
        self.directory = directory
        self._deltas = deltas
        self._known: dict[Path, Pack] = {}
        self._packs = PackSet(())
        self._freshened: set[Path] = set()
        self.directories: list[Path] = []
        self.damaged: list[Corrupt] = []
        """What is wrong with indexes that cannot be read at all. Their packs are done without, as in git."""
        self.refresh()

    @property
    def packs(self) -> list[Pack]:
        """The packs of the repository and of its alternates."""
        return list(self._known.values())

    @property
    def own_packs(self) -> list[Pack]:
        """The packs of the repository itself."""
        return [pack for pack in self.packs if pack.path.parent == self.directory / "pack"]

    def refresh(self) -> None:
        """See what other processes have added or removed since the packs were last listed."""
        self.directories = list(_with_alternates(self.directory))
        known: dict[Path, Pack] = {}
        self.damaged = []
        for directory in self.directories:
            for path in sorted((directory / "pack").glob("pack-*.idx")):
                pack = self._known.get(path) or self._open(path)
                if pack is not None:
                    known[path] = pack
        if known != self._known:
            self._packs = PackSet(known.values())
        self._known = known
        self._freshened = set()

    def __contains__(self, oid: Oid) -> bool:
        return self.find(oid) is not None or self.loose_path(oid) is not None

    def find(self, oid: Oid) -> Packed | None:
        """Where an object lies in a pack, if it does."""
        return self._packs.find(oid)

    def loose_path(self, oid: Oid) -> Path | None:
        """The file of a loose object, if it is one."""
        name = str(oid)
        for directory in self.directories:
            path = directory / name[:2] / name[2:]
            if path.exists():
                return path
        return None

    def loose(self) -> Iterator[tuple[Oid, Path]]:
        """The repository's own loose objects."""
        for folder in sorted(self.directory.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                if _LOOSE_NAME.fullmatch(path.name):
                    yield Oid.parse(folder.name + path.name), path

    def freshen(self, oid: Oid) -> bool:
        """Whether the object is there; if so, git's gc takes it for new.

        As git does when it skips writing what it has: an object that nothing refers to yet must not
        be pruned as old before our ref is in place.
        """
        packed = self.find(oid)
        path = packed.pack.path if packed else self.loose_path(oid)
        if path is None:
            return False
        if path not in self._freshened:
            try:
                os.utime(path)
            except FileNotFoundError:
                return False
            except OSError:
                pass  # an alternate of somebody else, or on a read-only disk: theirs to keep
            self._freshened.add(path)
        return True

    def read(self, oid: Oid, *, at_most: int = limits.PART) -> tuple[Kind, bytes]:
        """An object's kind and content, checked against its id; of a blob, `at_most` so many bytes.

        Raises `MissingObject`, `BrokenObject`, and `TooLarge` before memory is taken.
        """
        found = self._again(oid, lambda: self._read_own(oid, at_most))
        if Oid.of(*found) != oid:
            raise BrokenObject(oid, "its content does not hash to its id")
        return found

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int = limits.PART) -> bytes:
        """The content of an object that must be of this kind. Raises `BrokenObject` if it is of another."""
        found, content = self.read(oid, at_most=at_most)
        if found is not kind:
            raise BrokenObject(oid, f"it is a {found.name.lower()}, not a {kind.name.lower()}")
        return content

    def read_inner(self, oid: Oid) -> tuple[Kind, bytes]:
        """Like `read`, but of a blob, which refers to nothing, the content is neither read nor given."""
        try:
            return self.read(oid)
        except TooLarge:
            if self.header(oid)[0] is not Kind.BLOB:
                raise
            return Kind.BLOB, b""

    def pieces(self, oid: Oid) -> Iterator[bytes]:
        """The content of an object of any size, in pieces; it is checked against its id at the end of them.

        Raises like `read`; `TooLarge` for a large delta alone.
        """
        kind, size = self.header(oid)
        if size <= limits.PART:
            yield self.read(oid)[1]
            return
        digest = Oid.hasher(kind, size)
        try:
            for piece in self._again(oid, lambda: self._pieces(oid)):
                digest.update(piece)
                yield piece
        except FileNotFoundError as error:
            raise self._missing(oid) from error
        except BrokenObject:
            raise
        except Corrupt as error:
            raise BrokenObject(oid, error.message) from error
        if Oid(digest.digest()) != oid:
            raise BrokenObject(oid, "its content does not hash to its id")

    def check(self, oid: Oid) -> None:
        """Raise `MissingObject` or `BrokenObject` unless the content of an object hashes to its id."""
        for _ in self.pieces(oid):
            pass

    def size(self, oid: Oid) -> int:
        """An object's content size in bytes, without reading it. Raises `MissingObject` or `BrokenObject`."""
        return self.header(oid)[1]

    def header(self, oid: Oid) -> tuple[Kind, int]:
        """An object's kind and content size, without reading it. Raises `MissingObject` or `BrokenObject`."""
        return self._again(oid, lambda: self._header(oid))

    def _open(self, index_path: Path) -> Pack | None:
        try:
            return Pack(index_path)
        except FileNotFoundError:
            return None  # merged away since the directory was listed
        except Corrupt as error:
            self.damaged.append(error)
            return None

    def _missing(self, oid: Oid) -> MissingObject:
        """The object is not there; perhaps because an index is damaged."""
        hints = (f"{error.message}; {error.hint}" for error in self.damaged)
        return MissingObject(oid, next(hints, _PARTIAL if self.is_partial else None))

    @property
    def is_partial(self) -> bool:
        """Whether git cloned the repository without some of its objects (`git clone --filter`)."""
        return any((self.directory / "pack").glob("*.promisor"))

    @property
    def missing_hint(self) -> str:
        """What to do if objects are missing."""
        return _PARTIAL if self.is_partial else _ELSEWHERE

    def _again(self, oid: Oid, look: Callable[[], _Found | None]) -> _Found:
        """What a look at an object finds, or a later one: another process may have moved it meanwhile.

        Looks again for as long as packs come and go, at the most five times, and at least once.
        """
        for attempt in range(_LOOKS):
            before = self._known.keys()
            try:
                found = look()
            except FileNotFoundError:
                found = None
            except limits.TooMuch as error:
                raise TooLarge(oid, str(error)) from error
            except BrokenObject:
                raise
            except MissingObject:
                found = None
            except Corrupt as error:
                raise BrokenObject(oid, error.message) from error
            if found is not None:
                return found
            self.refresh()
            if attempt and self._known.keys() == before:
                break
        raise self._missing(oid)

    def _header(self, oid: Oid) -> tuple[Kind, int] | None:
        packed = self.find(oid)
        if packed is None:
            path = self.loose_path(oid)
            return loose.header(path) if path is not None else None
        kind, size, _ = packed.pack.header(packed.position)
        if kind is not None:
            return kind, size
        return self._deltas.header(oid) if self._deltas is not None else None

    def _read_own(self, oid: Oid, at_most: int) -> tuple[Kind, bytes] | None:
        packed = self.find(oid)
        if packed is None:
            path = self.loose_path(oid)
            return loose.read(path, at_most) if path is not None else None
        found = packed.pack.read(packed.position, at_most)
        if found is not None or self._deltas is None:
            return found
        limits.check(*self._deltas.header(oid), at_most)
        return self._read_delta(self._deltas, packed)

    def _pieces(self, oid: Oid) -> Iterator[bytes] | None:
        packed = self.find(oid)
        if packed is None:
            path = self.loose_path(oid)
            return loose.pieces(path) if path is not None else None
        if packed.pack.header(packed.position).kind is not None:
            return packed.pack.pieces(packed.position)
        return iter([self._read_delta(self._deltas, packed)[1]]) if self._deltas is not None else None

    def _read_delta(self, deltas: Deltas, packed: Packed) -> tuple[Kind, bytes]:
        """Leave a delta to git, unless something that it builds on is large."""
        largest = packed.pack.largest_in_chain(packed.position)
        if largest > limits.IN_MEMORY:
            raise limits.TooMuch(f"it is a delta that takes an object of {largest:,} bytes to read")
        return deltas.read(packed.oid)


def _with_alternates(directory: Path) -> Iterator[Path]:
    """The object directory and those it borrows from, each once, gitrepository-layout(5)."""
    seen = set()
    waiting = [directory]
    while waiting:
        here = waiting.pop(0)
        if here.resolve() not in seen:
            seen.add(here.resolve())
            yield here
            waiting += [here / entry for entry in _alternates(here / "info" / "alternates")]


def _alternates(path: Path) -> list[str]:
    try:
        lines = os.fsdecode(path.read_bytes()).splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise GitstoreError(f"{path}: {error.strerror}") from error
    return [line for line in lines if line and not line.startswith("#")]
