"""All objects of a repository: its packs, its loose objects, and those of its alternates."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from gitstore.errors import Corrupt, GitstoreError
from gitstore.objects.oid import Kind, Oid
from gitstore.objects.pack import Pack, Packed
from gitstore.objects.pack_set import PackSet

Fallback = Callable[[Oid], tuple[Kind, bytes]]

_LOOSE_NAME = re.compile("[0-9a-f]{38}")
_LOOSE_HEADER = 32  # inflated bytes that hold the kind and the size, whatever they are


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


class ObjectDatabase:
    """Finds and reads objects. Safe to use from many threads.

    Whole entries of packs and loose objects are read here; deltas, which only stock git writes,
    are left to `fallback`, which raises `Corrupt` for what it cannot read.
    """

    def __init__(self, directory: Path, fallback: Fallback | None = None) -> None:
        self.directory = directory
        self._fallback = fallback
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

    def read(self, oid: Oid) -> tuple[Kind, bytes]:
        """An object's kind and content, checked against its id.

        Raises `MissingObject` or `BrokenObject`.
        """
        found = self._read_own(oid)
        if found is None:
            self.refresh()  # another process may have packed it meanwhile
            found = self._read_own(oid)
        if found is None:
            raise self._missing(oid)
        kind, content = found
        if Oid.of(kind, content) != oid:
            raise BrokenObject(oid, "its content does not hash to its id")
        return found

    def read_as(self, kind: Kind, oid: Oid) -> bytes:
        """The content of an object that must be of this kind. Raises `BrokenObject` if it is of another."""
        found, content = self.read(oid)
        if found is not kind:
            raise BrokenObject(oid, f"it is a {found.name.lower()}, not a {kind.name.lower()}")
        return content

    def size(self, oid: Oid) -> int:
        """An object's content size in bytes, without reading it unless it is a delta.

        Raises `MissingObject` or `BrokenObject`.
        """
        packed = self.find(oid)
        path = self.loose_path(oid) if packed is None else None
        try:
            if packed is not None:
                header = packed.pack.header(packed.position)
                if header.kind is not None:
                    return header.size
            elif path is not None:
                return loose_size(path)
        except FileNotFoundError:
            pass  # moved by another process; reading looks again
        except Corrupt as error:
            raise BrokenObject(oid, error.message) from error
        return len(self.read(oid)[1])

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
        return MissingObject(oid, next(hints, None))

    def _read_own(self, oid: Oid) -> tuple[Kind, bytes] | None:
        """The object as it is found in the packs that are known, or loose."""
        packed = self.find(oid)
        path = self.loose_path(oid) if packed is None else None
        try:
            if packed is not None:
                found = packed.pack.read(packed.position)
            else:
                found = read_loose(path) if path is not None else None
        except FileNotFoundError:
            return None
        except Corrupt as error:
            raise BrokenObject(oid, error.message) from error
        if found is None and packed is not None and self._fallback is not None:
            return self._fallback(oid)
        return found


def read_loose(path: Path) -> tuple[Kind, bytes]:
    """A loose object, not yet checked against its id. Raises `Corrupt`."""
    try:
        header, _, content = zlib.decompress(path.read_bytes()).partition(b"\0")
        word, size = header.split(b" ")
        if int(size) != len(content):
            raise ValueError("its size is not what its header says")
        return Kind.of_word(word), content
    except (zlib.error, ValueError, KeyError) as error:
        raise Corrupt(f"{path}: {error}") from error


def loose_size(path: Path) -> int:
    """The content size of a loose object, by its header. Raises `Corrupt`."""
    try:
        with path.open("rb") as file:
            start = zlib.decompressobj().decompress(file.read(4 * _LOOSE_HEADER), _LOOSE_HEADER)
        return int(start.partition(b"\0")[0].split(b" ")[1])
    except (zlib.error, ValueError, IndexError) as error:
        raise Corrupt(f"{path}: {error}") from error


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
