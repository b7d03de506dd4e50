"""Entries of the cache: handing them to operations, making them, and removing the least recently used.

An object's id says what the files hold, and the kind says how they are laid out. Both together are the key,
see `disk.entries`.

An entry is complete and on disk when it gets its name, and is compared with its manifest before each use. A
changed entry is never repaired: another one is made. An operation that runs from an entry holds a shared lock
on its directory, and nothing removes the entry meanwhile. Deleting the cache only costs time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gitstore.disk import entries
from gitstore.disk.entries import Cleared, RemovedEntry
from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.run.cache.entry import CacheEntry, make_entry, write_tree

DEFAULT_LIMIT = 20 * 2**30
"""The most bytes of the cache, unless git's configuration sets another number."""


class CacheUse(NamedTuple):
    """The bytes of the cache: of one repository's objects, and of all."""

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
        with self._open_files("code", tree, fill=partial(write_tree, repository, tree)) as files:
            yield files

    @contextmanager
    def open_state(
        self, repository: Repository, tree: Oid, *, progress: Progress = lambda _: None
    ) -> Iterator[Path]:
        """Provide the files of a state like those of code. Files in parts are joined."""
        fill = partial(write_tree, repository, tree, joined=True, progress=progress)
        with self._open_files("state", tree, fill=fill) as files:
            yield files

    def has_code(self, tree: Oid) -> bool:
        """Whether `open_code` need not write the files of a tree, unless somebody has changed them."""
        return bool(entries.list_entries(self._find_key("code", tree)))

    def has_state(self, tree: Oid) -> bool:
        """Whether `open_state` need not write the files of a tree, unless somebody has changed them."""
        return bool(entries.list_entries(self._find_key("state", tree)))

    @contextmanager
    def open_snapshot(self, tag: Oid, fill: Callable[[Path], None]) -> Iterator[Path]:
        """Provide a repository that has the objects of the snapshot of this tag, and no other.

        It is for snapshots of other machines. If there is none, `fill(directory)` makes it in an empty
        directory. Raises whatever that raises, and `GitstoreError` if the cache cannot be written.
        """
        with self._open_files("snapshot", tag, fill=fill) as repository:
            yield repository

    def list_entries(self) -> list[CacheEntry]:
        """Return all entries, least recently used first."""
        unsorted = (entry for key in self._keys() for entry in _list_entries_of(key))
        return sorted(unsorted, key=lambda entry: entries.find_last_use(entry.path))

    def measure_use(self, repository: Repository) -> CacheUse:
        """Return the bytes of the entries whose objects a repository has, and of all entries."""
        sizes = [(entry.oid in repository.objects, entry.size) for entry in self.list_entries()]
        return CacheUse(sum(size for ours, size in sizes if ours), sum(size for _, size in sizes))

    def clear(self, *, only_leftovers: bool = False, dry_run: bool = False) -> Cleared:
        """Remove what killed processes left incomplete, and all entries that no operation runs from.

        With `only_leftovers`, whole entries stay. With `dry_run`, only return what would be removed.
        """
        swept = entries.sweep(self._keys(), dry_run=dry_run)
        removed, in_use = [], 0
        for entry in [] if only_leftovers else self.list_entries():
            item = RemovedEntry(entry.path.parent.name, entry.size)
            is_free = entries.remove_entry(entry.path, dry_run=dry_run)
            removed += [item] if is_free else []
            in_use += not is_free
        if not dry_run:
            entries.remove_empty_keys(self._keys())
        return Cleared(swept, removed, in_use)

    @contextmanager
    def _open_files(self, kind: str, oid: Oid, *, fill: Callable[[Path], None]) -> Iterator[Path]:
        made: list[Path] = []

        def make(path: Path) -> None:
            make_entry(path, fill)
            made.append(path)

        with ExitStack() as stack:
            with _explaining_errors(self.directory):
                entry = stack.enter_context(
                    entries.open_entry(
                        self._find_key(kind, oid),
                        is_sound=lambda path: CacheEntry(path, kind, oid).is_sound(),
                        make=make,
                    )
                )
            if made:
                self._shrink()
            yield CacheEntry(entry, kind, oid).files

    def _shrink(self) -> None:
        """Remove the least recently used entries until the limit is kept."""
        sized = [(entry, entry.size) for entry in self.list_entries()]
        total = sum(size for _, size in sized)
        for entry, size in sized[:-1]:
            if total <= self.limit:
                break
            total -= size if entries.remove_entry(entry.path) else 0
        entries.remove_empty_keys(self._keys())

    def _find_key(self, kind: str, tree: Oid) -> Path:
        return self.directory / f"{kind}-{tree}"

    def _keys(self) -> list[Path]:
        """The directories of keys."""
        return sorted(path for path in self.directory.glob("*-*") if path.is_dir())


def _list_entries_of(key: Path) -> list[CacheEntry]:
    """Return the entries in the directory of a key; none if its name is not that of a key."""
    kind, _, text = key.name.partition("-")
    with suppress(ValueError):
        oid = Oid.parse(text)
        return [CacheEntry(path, kind, oid) for path in entries.list_entries(key)]
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
