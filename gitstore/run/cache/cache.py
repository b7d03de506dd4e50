"""Entries of the cache: handing them to operations, making them, and removing the least recently used.

A tree's id says what the files hold, and the kind says how they are laid out. Both together are the key. A
key is a directory of entries. Usually it has one; more if that was changed while an operation ran from it.

An entry is complete and on disk when it gets its name, and is compared with its manifest before each use. A
changed entry is never repaired: another one is made. An operation that runs from an entry holds a shared lock
on its directory, and nothing removes the entry meanwhile. Deleting the cache only costs time.
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

from gitstore.disk import directories, locks
from gitstore.disk.directories import remove_tree
from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.run.cache.entry import CacheEntry, make_entry
from gitstore.storage import leftovers

DEFAULT_LIMIT = 20 * 2**30
"""The most bytes of the cache, unless git's configuration sets another number."""

_TRIES = 100
"""How often the directory of a key is made again when another process removes it at the same time."""


class RemovedEntry(NamedTuple):
    """An entry of the cache that was removed, or would be: its key and its bytes."""

    name: str
    size: int


class Cleared(NamedTuple):
    """What emptying the cache removed, or would remove.

    `leftovers` are what killed processes left incomplete, `removed` whole entries. `in_use` counts entries
    that operations run from.
    """

    leftovers: list[RemovedEntry]
    removed: list[RemovedEntry]
    in_use: int

    @property
    def freed(self) -> int:
        """The bytes of everything that was removed."""
        return sum(item.size for item in [*self.leftovers, *self.removed])


class CacheUse(NamedTuple):
    """The bytes of the cache: of one repository's trees, and of all."""

    repository: int
    total: int


@dataclass(frozen=True)
class Cache:
    """A directory with entries, of at most `limit` bytes. The least recently used entries are removed first.

    Entries in use stay, and so does the newest entry, whatever the limit.
    """

    directory: Path
    limit: int = DEFAULT_LIMIT

    @contextmanager
    def open_code(self, repository: Repository, tree: Oid) -> Iterator[Path]:
        """Provide a directory with the files of a code tree, which stays while the block runs.

        The repository is only read. Raises `Corrupt`, and `GitstoreError` if the cache cannot be written.
        """
        with self._open_files(repository, tree, kind="code", progress=lambda _: None) as files:
            yield files

    @contextmanager
    def open_state(
        self, repository: Repository, tree: Oid, *, progress: Progress = lambda _: None
    ) -> Iterator[Path]:
        """Provide the files of a state like those of code. Files in parts are joined."""
        with self._open_files(repository, tree, kind="state", progress=progress) as files:
            yield files

    def list_entries(self) -> list[CacheEntry]:
        """Return all entries, least recently used first."""
        entries = [entry for key in self._keys() for entry in _list_entries_of(key)]
        return sorted(entries, key=CacheEntry.find_last_use)

    def measure_use(self, repository: Repository) -> CacheUse:
        """Return the bytes of the entries whose trees a repository has, and of all entries."""
        sizes = [(entry.tree in repository.objects, entry.size) for entry in self.list_entries()]
        return CacheUse(sum(size for ours, size in sizes if ours), sum(size for _, size in sizes))

    def clear(self, *, only_leftovers: bool = False, dry_run: bool = False) -> Cleared:
        """Remove what killed processes left incomplete, and all entries that no operation runs from.

        With `only_leftovers`, whole entries stay. With `dry_run`, only return what would be removed.
        """
        swept = self._sweep(dry_run=dry_run)
        removed, in_use = [], 0
        for entry in [] if only_leftovers else self.list_entries():
            item = RemovedEntry(entry.path.parent.name, entry.size)
            with locks.directory(entry.path) as free:
                if free and not dry_run:
                    remove_tree(entry.path)
            removed += [item] if free else []
            in_use += not free
        if not dry_run:
            self._remove_empty_keys()
        return Cleared(swept, removed, in_use)

    def _sweep(self, *, dry_run: bool) -> list[RemovedEntry]:
        """Remove what killed processes left incomplete; with `dry_run`, only return what that is."""
        paths = [path for key in self._keys() for path in directories.find_abandoned(key)]
        items = [RemovedEntry(path.name, leftovers.measure_size(path)) for path in paths]
        if not dry_run:
            for path in paths:
                directories.remove_abandoned(path)
        return items

    @contextmanager
    def _open_files(
        self, repository: Repository, tree: Oid, *, kind: str, progress: Progress
    ) -> Iterator[Path]:
        key = self.directory / f"{kind}-{tree}"
        with ExitStack() as stack:
            entry = self._hold_entry(stack, key)
            while entry is None:
                with _explaining_errors(self.directory), self._holding_key(key):
                    entry = self._hold_entry(stack, key)  # another process may have made it meanwhile
                    if entry is None:
                        new = CacheEntry(key / secrets.token_hex(6), kind, tree)
                        make_entry(repository, new, progress)
                        entry = self._hold_entry(stack, key, new=new)
                self._shrink()
            with suppress(OSError):
                os.utime(entry.path)
            yield entry.files

    def _hold_entry(self, stack: ExitStack, key: Path, *, new: CacheEntry | None = None) -> CacheEntry | None:
        """Return a sound entry of a key, and hold it until the stack ends. Remove others that nobody uses.

        `new` was just made, so it is sound even if no manifest could be written.
        """
        for entry in sorted(_list_entries_of(key), key=CacheEntry.find_last_use):
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
    def _holding_key(self, key: Path) -> Iterator[None]:
        """Hold the lock of a key, so that no two processes make the same entry at once."""
        for _ in range(_TRIES):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            key.mkdir(mode=0o700, exist_ok=True)
            with locks.directory(key, wait=True) as ours:
                if ours:
                    yield
                    return
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(key))

    def _shrink(self) -> None:
        """Remove the least recently used entries until the limit is kept."""
        sized = [(entry, entry.size) for entry in self.list_entries()]
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


def _list_entries_of(key: Path) -> list[CacheEntry]:
    """Return the entries in the directory of a key; none if there is no such directory."""
    kind, _, tree = key.name.partition("-")
    with suppress(ValueError, OSError):
        oid = Oid.parse(tree)
        return [CacheEntry(path, kind, oid) for path in key.iterdir() if not path.name.startswith(".")]
    return []


@contextmanager
def _explaining_errors(directory: Path) -> Iterator[None]:
    """Raise an error that says what to do if the cache cannot be written."""
    try:
        yield
    except OSError as error:
        raise GitstoreError(
            f"the cache {directory} cannot be written: {error.strerror}",
            "git config --global gitstore.cacheDir DIR puts it elsewhere; gitstore gc --cache empties it",
        ) from error
