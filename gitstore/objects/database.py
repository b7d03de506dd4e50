"""Finding and reading the objects of a repository: in its packs, loose, and in its alternates."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from gitstore.errors import Corrupt, GitstoreError
from gitstore.packs import limits, loose
from gitstore.packs.lookup import PackSet
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack, Packed


class Deltas(Protocol):
    """Reads objects that are stored as deltas. Raises `MissingObject` or `BrokenObject`."""

    def header(self, oid: Oid) -> tuple[Kind, int]:
        """Return the kind and the size of the content."""

    def read(self, oid: Oid) -> tuple[Kind, bytes]:
        """Return the kind and the content, not checked against the id."""


class Promisor(Protocol):
    """Fetches objects that a partial clone lacks, from where it was cloned."""

    def fetch(self, oids: Sequence[Oid]) -> None:
        """Fetch objects. Raises `GitstoreError` if they cannot be had."""


_Result = TypeVar("_Result")
_LOOSE_NAME = re.compile("[0-9a-f]{38}")

_ATTEMPTS = 5
"""How often an object is looked for while other processes add and remove packs."""


_PARTIAL = "this is a partial clone, and the remote that it was cloned from does not have the object"
_ELSEWHERE = "a clone or a backup may still have the object; git fetch restores it"


class MissingObject(Corrupt):
    """An object that something refers to is not in the repository."""

    def __init__(self, oid: Oid, hint: str | None = None) -> None:
        super().__init__(f"object {oid} is missing from the repository", hint)
        self.oid = oid


class AbsentObject(MissingObject):
    """An object that a partial clone has not fetched. Reading its content fetches it; its size is unknown."""


class BrokenObject(Corrupt):
    """An object does not hash to its id, or cannot be read."""

    def __init__(self, oid: Oid, why: str) -> None:
        super().__init__(f"object {oid} is corrupt: {why}")
        self.oid = oid


class TooLarge(BrokenObject):
    """An object is larger than the limit for reading its kind into memory."""


class ObjectDatabase:
    """Finds and reads objects. Safe to use from many threads.

    Loose objects and entries of packs are read here. Deltas, which only stock git writes, are read by
    `deltas`. Objects that a partial clone lacks are fetched by `promisor` when their content is read; asking
    for their size or kind fetches nothing.
    """

    def __init__(
        self,
        directory: Path,
        deltas: Deltas | None = None,
        *,
        promisor: Promisor | None = None,
        borrowed: Sequence[Path] = (),
    ) -> None:
        """Open a directory of objects, and, with `borrowed`, others that are searched behind it."""
        self.directory = directory
        self._borrowed = tuple(borrowed)
        self._deltas = deltas
        self._promisor = promisor
        self._known: dict[Path, Pack] = {}
        self._packs = PackSet(())
        self._freshened: set[Path] = set()
        self.directories: list[Path] = []
        self.damaged: list[Corrupt] = []
        """The errors of damaged indexes. Like git, gitstore works without their packs."""
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
        """List the packs again, because other processes may have added or removed some."""
        directories = (self.directory, *self._borrowed)
        self.directories = [path for directory in directories for path in _with_alternates(directory)]
        packs: dict[Path, Pack] = {}
        self.damaged = []
        for directory in self.directories:
            for path in _list_indexes(directory / "pack"):
                pack = self._known.get(path) or self._open(path)
                if pack is not None:
                    packs[path] = pack
        if packs != self._known:
            self._packs = PackSet(packs.values())
        self._known = packs
        self._freshened = set()

    def __contains__(self, oid: Oid) -> bool:
        return self.find(oid) is not None or self.loose_path(oid) is not None

    def find(self, oid: Oid) -> Packed | None:
        """Return where an object is in a pack; `None` if no pack has it."""
        return self._packs.find(oid)

    def loose_path(self, oid: Oid) -> Path | None:
        """Return the file of a loose object; `None` if there is none."""
        name = str(oid)
        for directory in self.directories:
            path = directory / name[:2] / name[2:]
            if path.exists():
                return path
        return None

    def list_loose(self) -> Iterator[tuple[Oid, Path]]:
        """Yield the id and the file of each of the repository's own loose objects."""
        for folder in sorted(self.directory.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                if _LOOSE_NAME.fullmatch(path.name):
                    yield Oid.parse(folder.name + path.name), path

    def list_missing(self, oids: Iterable[Oid]) -> list[Oid]:
        """Return those of some objects that are not here, each once."""
        return [oid for oid in dict.fromkeys(oids) if oid not in self]

    def provide(self, oids: Iterable[Oid]) -> bool:
        """Fetch at once all of these objects that a partial clone lacks; return whether it lacked any.

        Whoever reads many objects calls it first: each that is missed later is fetched by itself. Raises
        `GitstoreError` if they cannot be had.
        """
        if self._promisor is None or not self.is_partial:
            return False
        missing = self.list_missing(oids)
        if missing:
            self._promisor.fetch(missing)
            self.refresh()
        return bool(missing)

    def freshen(self, oid: Oid) -> bool:
        """Return whether an object exists; if so, update the time of its file.

        Git does the same when it does not write an object that exists: until a ref refers to the object,
        `git gc` must not prune it as old.
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
                pass  # an alternate of another user, or on a read-only disk: its owner keeps it
            self._freshened.add(path)
        return True

    def read(self, oid: Oid, *, at_most: int = limits.PART) -> tuple[Kind, bytes]:
        """Return an object's kind and content, checked against its id.

        Raises `MissingObject`, `BrokenObject`, and, before it allocates memory, `TooLarge` for a blob of over
        `at_most` bytes or another object over the limit of its kind.
        """
        kind, content = self._read_at_once(oid, at_most) or self._retry_and_fetch(
            oid, lambda: self._read(oid, at_most)
        )
        if Oid.of(kind, content) != oid:
            raise BrokenObject(oid, "its content does not hash to its id")
        return kind, content

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int = limits.PART) -> bytes:
        """Return the content of an object of this kind. Raises `BrokenObject` if it is of another kind."""
        actual, content = self.read(oid, at_most=at_most)
        if actual is not kind:
            raise BrokenObject(oid, f"it is a {actual.name.lower()}, not a {kind.name.lower()}")
        return content

    def read_inner(self, oid: Oid) -> tuple[Kind, bytes]:
        """Like `read`, but the content of a large blob is neither read nor returned: it refers to nothing."""
        try:
            return self.read(oid)
        except TooLarge:
            if self.header(oid)[0] is not Kind.BLOB:
                raise
            return Kind.BLOB, b""

    def read_pieces(self, oid: Oid) -> Iterator[bytes]:
        """Yield the content of an object of any size in pieces. It is checked against its id after the last.

        Raises like `read`, but `TooLarge` only for a large delta.
        """
        kind, size = self._retry_and_fetch(oid, lambda: self._header(oid))
        if size <= limits.PART:
            yield self.read(oid)[1]
            return
        digest = Oid.hasher(kind, size)
        try:
            for piece in self._retry(oid, lambda: self._pieces(oid)):
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
        for _ in self.read_pieces(oid):
            pass

    def size(self, oid: Oid) -> int:
        """Return an object's size in bytes without reading it. Raises `MissingObject` or `BrokenObject`.

        What a partial clone lacks is not fetched: that raises `AbsentObject`.
        """
        return self.header(oid)[1]

    def header(self, oid: Oid) -> tuple[Kind, int]:
        """Return an object's kind and size without reading it. Raises `MissingObject` or `BrokenObject`."""
        return self._retry(oid, lambda: self._header(oid))

    def _open(self, index_path: Path) -> Pack | None:
        try:
            return Pack(index_path)
        except FileNotFoundError:
            return None  # merged and removed since the directory was listed
        except Corrupt as error:
            self.damaged.append(error)
            return None

    def _missing(self, oid: Oid) -> MissingObject:
        """Return the error for a missing object. A damaged index may be the reason."""
        hint = next((f"{error.message}; {error.hint}" for error in self.damaged), None)
        if hint is None and self.is_partial:
            return AbsentObject(oid, _PARTIAL)
        return MissingObject(oid, hint)

    @property
    def is_partial(self) -> bool:
        """Whether git cloned the repository, or one that it borrows from, without some of its objects."""
        return any(path for place in self.directories for path in (place / "pack").glob("*.promisor"))

    @property
    def missing_hint(self) -> str:
        """The hint for missing objects."""
        return _PARTIAL if self.is_partial else _ELSEWHERE

    def _retry(self, oid: Oid, look: Callable[[], _Result | None]) -> _Result:
        """Return the result of `look`. Try again if it is `None`: others may move objects.

        Tries at least twice, and at most `_ATTEMPTS` times while packs come and go.
        """
        for attempt in range(_ATTEMPTS):
            before = self._known.keys()
            try:
                result = look()
            except FileNotFoundError:
                result = None
            except limits.TooMuch as error:
                raise TooLarge(oid, str(error)) from error
            except BrokenObject:
                raise
            except MissingObject:
                result = None
            except Corrupt as error:
                raise BrokenObject(oid, error.message) from error
            if result is not None:
                return result
            self.refresh()
            if attempt and self._known.keys() == before:
                break
        raise self._missing(oid)

    def _retry_and_fetch(self, oid: Oid, look: Callable[[], _Result | None]) -> _Result:
        """Return the result of `look` like `_retry`. If a partial clone lacks the object, fetch it first."""
        try:
            return self._retry(oid, look)
        except MissingObject:
            if not self.provide([oid]):
                raise
        return self._retry(oid, look)

    def _header(self, oid: Oid) -> tuple[Kind, int] | None:
        packed = self.find(oid)
        if packed is None:
            path = self.loose_path(oid)
            return loose.header(path) if path is not None else None
        kind, size, _ = packed.pack.header(packed.position)
        if kind is not None:
            return kind, size
        return self._deltas.header(oid) if self._deltas is not None else None

    def _read_at_once(self, oid: Oid, at_most: int) -> tuple[Kind, bytes] | None:
        """Read an entry of a pack, the usual case; `None` if that is not all there is to it."""
        packed = self.find(oid)
        try:
            return None if packed is None else packed.pack.read(packed.position, at_most)
        except (Corrupt, FileNotFoundError, limits.TooMuch):
            return None  # reading it again says what is wrong

    def _read(self, oid: Oid, at_most: int) -> tuple[Kind, bytes] | None:
        packed = self.find(oid)
        if packed is None:
            path = self.loose_path(oid)
            return loose.read(path, at_most) if path is not None else None
        whole_object = packed.pack.read(packed.position, at_most)
        if whole_object is not None or self._deltas is None:
            return whole_object
        limits.check(*self._deltas.header(oid), at_most)
        return self._read_delta(self._deltas, packed)

    def _pieces(self, oid: Oid) -> Iterator[bytes] | None:
        packed = self.find(oid)
        if packed is None:
            path = self.loose_path(oid)
            return loose.read_pieces(path) if path is not None else None
        if packed.pack.header(packed.position).kind is not None:
            return packed.pack.read_pieces(packed.position)
        return iter([self._read_delta(self._deltas, packed)[1]]) if self._deltas is not None else None

    def _read_delta(self, deltas: Deltas, packed: Packed) -> tuple[Kind, bytes]:
        """Let git read a delta, unless one of its bases is too large."""
        largest = packed.pack.largest_in_chain(packed.position)
        if largest > limits.IN_MEMORY:
            raise limits.TooMuch(f"it is a delta that takes an object of {largest:,} bytes to read")
        return deltas.read(packed.oid)


def _list_indexes(directory: Path) -> list[Path]:
    """List the indexes of a directory of packs, which need not exist."""
    try:
        with os.scandir(directory) as entries:  # each command does this several times: a glob is slower
            names = sorted(entry.name for entry in entries)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return [directory / name for name in names if name.startswith("pack-") and name.endswith(".idx")]


def _with_alternates(directory: Path) -> Iterator[Path]:
    """Yield the object directory and its alternates, each once, gitrepository-layout(5)."""
    seen = set()
    waiting = [directory]
    while waiting:
        directory = waiting.pop(0)
        resolved = os.path.realpath(directory)
        if resolved not in seen:
            seen.add(resolved)
            yield directory
            waiting += [directory / line for line in _read_alternates(directory / "info" / "alternates")]


def _read_alternates(path: Path) -> list[str]:
    try:
        lines = os.fsdecode(path.read_bytes()).splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise GitstoreError(f"{path}: {error.strerror}") from error
    return [line for line in lines if line and not line.startswith("#")]
