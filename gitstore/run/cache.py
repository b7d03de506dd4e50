"""The user's cache: trees written out as files, for operations to run from.

It lies outside of all repositories and is shared by them. A tree's id says what the files hold, and the
kind how they are laid out, so both together are the key. A key is a directory of entries: usually one,
more if one was found changed while somebody still ran from it.

    state-TREE/NAME/files/     what a model sees; read-only, directories too
    state-TREE/NAME/manifest   the stamps of all that

An entry is complete and on disk when it gets its name, and is compared with its manifest before each
use. One that was changed is never repaired: another is made. Whoever runs from an entry holds a shared
lock on its directory, and nothing removes it meanwhile. Deleting the cache only costs time.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gitstore.bigfiles import extract, stored
from gitstore.disk import directories, locks
from gitstore.disk.atomic import sync_tree
from gitstore.disk.construction import construction
from gitstore.disk.directories import remove_tree
from gitstore.disk.permissions import seal
from gitstore.errors import GitstoreError
from gitstore.git import process
from gitstore.git.config import read_user_config
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.run import manifest
from gitstore.storage import leftovers
from gitstore.units import parse_size

DEFAULT_LIMIT = 20 * 2**30
"""Bytes that the cache may have, unless git's configuration says otherwise."""

_TRIES = 100
"""How often a key is made again that another process removes at the same time."""

_NO_PLACE = "git config --global gitstore.cacheDir DIR sets it"

_FILES = "files"
_MANIFEST = "manifest"


class RemovedEntry(NamedTuple):
    """An entry of the cache that was removed, or would be: its key, and bytes."""

    name: str
    size: int


class Cleared(NamedTuple):
    """What emptying the cache did, or would do; `in_use` are entries that operations run from."""

    removed: list[RemovedEntry]
    in_use: int

    @property
    def freed(self) -> int:
        """Bytes of what was removed."""
        return sum(item.size for item in self.removed)


NOTHING = Cleared([], 0)


class CacheUse(NamedTuple):
    """Bytes of the cache: of one repository's trees, and of all."""

    repository: int
    total: int


class CacheEntry(NamedTuple):
    """One entry: its directory, kind and tree."""

    path: Path
    kind: str
    tree: Oid

    @property
    def files(self) -> Path:
        """What a model sees."""
        return self.path / _FILES

    @property
    def size(self) -> int:
        """Bytes of its files."""
        stamps = manifest.read(self.path / _MANIFEST)
        return stamps.size if stamps is not None else leftovers.measure_size(self.path)

    def is_sound(self) -> bool:
        """Whether its files are as they were made, as far as stamps tell."""
        stamps = manifest.read(self.path / _MANIFEST)
        return stamps is not None and stamps.fits(self.files)

    def last_use(self) -> float:
        """When an operation last ran from it, in seconds since the epoch; 0 if it is gone."""
        try:
            return self.path.stat().st_mtime
        except FileNotFoundError:
            return 0.0


@dataclass(frozen=True)
class Cache:
    """A directory with entries, of `limit` bytes at the most. Least recently used entries go first.

    What is in use stays, and so does the newest entry, whatever the limit.
    """

    directory: Path
    limit: int = DEFAULT_LIMIT

    @contextmanager
    def code(self, repository: Repository, tree: Oid) -> Iterator[Path]:
        """A directory with the files of a code tree, which stays while the block runs.

        The repository is only read. Raises `Corrupt`, and `GitstoreError` if the cache cannot be written.
        """
        with self._files(repository, tree, kind="code", progress=lambda _: None) as files:
            yield files

    @contextmanager
    def state(
        self, repository: Repository, tree: Oid, *, progress: Progress = lambda _: None
    ) -> Iterator[Path]:
        """The same with the files of a state, joined from their parts."""
        with self._files(repository, tree, kind="state", progress=progress) as files:
            yield files

    def entries(self) -> list[CacheEntry]:
        """All entries, least recently used first."""
        entries = []
        for key in self._keys():
            kind, _, tree = key.name.partition("-")
            with suppress(ValueError, OSError):
                oid = Oid.parse(tree)
                entries += [
                    CacheEntry(path, kind, oid) for path in key.iterdir() if not path.name.startswith(".")
                ]
        return sorted(entries, key=CacheEntry.last_use)

    def use(self, repository: Repository) -> CacheUse:
        """The bytes of the entries whose trees a repository has, and of all."""
        sizes = [(entry.tree in repository.objects, entry.size) for entry in self.entries()]
        return CacheUse(sum(size for ours, size in sizes if ours), sum(size for _, size in sizes))

    def sweep(self, *, dry_run: bool = False) -> list[RemovedEntry]:
        """Remove what killed processes left half-made; with `dry_run`, only return what that is."""
        paths = [path for key in self._keys() for path in directories.find_abandoned(key)]
        items = [RemovedEntry(path.name, leftovers.measure_size(path)) for path in paths]
        if not dry_run:
            for path in paths:
                directories.remove_abandoned(path)
            self._remove_empty_keys()
        return items

    def clear(self, *, dry_run: bool = False) -> Cleared:
        """Remove all entries that no operation runs from; with `dry_run`, only return which."""
        removed, in_use = [], 0
        for entry in self.entries():
            item = RemovedEntry(entry.path.parent.name, entry.size)
            with locks.directory(entry.path) as free:
                if free and not dry_run:
                    remove_tree(entry.path)
            removed += [item] if free else []
            in_use += not free
        if not dry_run:
            self._remove_empty_keys()
        return Cleared(removed, in_use)

    @contextmanager
    def _files(self, repository: Repository, tree: Oid, *, kind: str, progress: Progress) -> Iterator[Path]:
        key = self.directory / f"{kind}-{tree}"
        with ExitStack() as stack:
            entry = self._hold(stack, key)
            while entry is None:
                with _refusals(self.directory), self._making(key):
                    entry = self._hold(stack, key)  # somebody else was faster
                    if entry is None:
                        new = CacheEntry(key / secrets.token_hex(6), kind, tree)
                        _make(repository, new, progress)
                        entry = self._hold(stack, key, new=new)
                self._shrink()
            with suppress(OSError):
                os.utime(entry.path)
            yield entry.files

    def _hold(self, stack: ExitStack, key: Path, *, new: CacheEntry | None = None) -> CacheEntry | None:
        """Return a sound entry of a key, held until the stack ends. Remove others that nobody uses.

        The `new` one, just made, is sound even where no manifest could be written.
        """
        for entry in [entry for entry in self.entries() if entry.path.parent == key]:
            with ExitStack() as attempt:
                if not attempt.enter_context(locks.directory(entry.path, share=True)):
                    continue  # it is being removed
                if entry == new or entry.is_sound():
                    stack.push(attempt.pop_all())
                    return entry
            with locks.directory(entry.path) as free:
                if free:
                    remove_tree(entry.path)
        return None

    @contextmanager
    def _making(self, key: Path) -> Iterator[None]:
        """Hold a key, so that two processes do not make the same at once."""
        for _ in range(_TRIES):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            key.mkdir(mode=0o700, exist_ok=True)
            with locks.directory(key, wait=True) as ours:
                if ours:
                    yield
                    return
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(key))

    def _shrink(self) -> None:
        """Remove what was not used for longest, until the limit is kept."""
        sized = [(entry, entry.size) for entry in self.entries()]
        total = sum(size for _, size in sized)
        for entry, size in sized[:-1]:
            if total <= self.limit:
                break
            with locks.directory(entry.path) as free:
                if free:
                    remove_tree(entry.path)
                    total -= size
        self._remove_empty_keys()

    def _remove_empty_keys(self) -> None:
        for key in self._keys():
            with suppress(OSError), locks.directory(key) as free:
                if free:
                    key.rmdir()

    def _keys(self) -> list[Path]:
        """The directories of keys."""
        return sorted(path for path in self.directory.glob("*-*") if path.is_dir())


def _make(repository: Repository, entry: CacheEntry, progress: Progress) -> None:
    """Make an entry. All of it is on disk before it has its name."""
    stored_files = list(stored.list_files(repository.objects, entry.tree, joined=entry.kind == "state"))
    with construction(entry.path) as hidden:
        files = hidden / _FILES
        files.mkdir()
        extract.extract_files(repository.objects, stored_files, files, progress=progress)
        seal(files)
        sync_tree(files)  # before the stamps are taken: a file system may set times when it writes
        manifest.write(files, hidden / _MANIFEST)


@contextmanager
def _refusals(directory: Path) -> Iterator[None]:
    """Say what can be done if the cache cannot be written."""
    try:
        yield
    except OSError as error:
        raise GitstoreError(
            f"the cache {directory} cannot be written: {error.strerror}",
            "git config --global gitstore.cacheDir DIR puts it elsewhere; gitstore gc --cache empties it",
        ) from error


def find_user_cache(directory: Path) -> Cache:
    """The user's cache, as `gitstore.cacheDir` and `gitstore.cacheSize` of git's configuration have it.

    The user's configuration alone: a repository does not say where somebody else's commands write. Git reads
    it in `directory`. Raises `GitstoreError` for a value that is not a path or a size, and if there is no
    home directory.
    """
    values = read_user_config("gitstore", directory, keys=("cachedir", "cachesize"))
    place, limit = values.get("cachedir"), values.get("cachesize")
    if place is not None and not Path(place).is_absolute():
        raise GitstoreError(f"gitstore.cacheDir is {place!r}, which is not an absolute path", _NO_PLACE)
    try:
        size = parse_size(limit) if limit is not None else DEFAULT_LIMIT
    except ValueError as error:
        raise GitstoreError(
            f"gitstore.cacheSize: {error}", "git config --global gitstore.cacheSize 20GiB sets it"
        ) from error
    return Cache(Path(place) if place is not None else _cache_home() / "gitstore", size)


def _cache_home() -> Path:
    """Where the user's caches are, by the XDG Base Directory Specification, which git follows, too."""
    named = process.environment_variable("XDG_CACHE_HOME") or ""
    if Path(named).is_absolute():  # others are to be ignored, says the specification
        return Path(named)
    try:
        return Path.home() / ".cache"
    except RuntimeError as error:
        raise GitstoreError(
            "there is no home directory, so there is no place for the cache", _NO_PLACE
        ) from error
