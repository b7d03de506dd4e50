"""Directories of a cache: shared by processes, made once, used by many, removed when nobody uses them.

A key is a directory of entries. Usually it has one; more if that became unusable while a process used it.
Who uses an entry holds a shared lock on its directory, and nothing removes the entry meanwhile. An entry is
complete when it gets its name. What an entry holds, and whether it is sound, the caller knows.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from operator import eq
from pathlib import Path
from typing import NamedTuple

from gitstore.disk import directories, locks
from gitstore.disk.directories import remove_tree

_TRIES = 100
"""How often the directory of a key is made again when another process removes it at the same time."""


class RemovedEntry(NamedTuple):
    """An entry that was removed, or would be: its key and its bytes."""

    name: str
    size: int


class Cleared(NamedTuple):
    """What emptying a cache removed, or would remove.

    `leftovers` are what killed processes left incomplete, `removed` whole entries. `in_use` counts entries
    that processes use.
    """

    leftovers: list[RemovedEntry]
    removed: list[RemovedEntry]
    in_use: int

    @property
    def freed(self) -> int:
        """The bytes of everything that was removed."""
        return sum(item.size for item in [*self.leftovers, *self.removed])


def list_entries(key: Path) -> list[Path]:
    """Return the entries of a key, least recently used first; none if there is no such directory."""
    with suppress(OSError):
        return sorted((path for path in key.iterdir() if path.name[0] != "."), key=find_last_use)
    return []


def find_last_use(entry: Path) -> float:
    """Return when an entry was last opened, in seconds since the epoch; 0 if it is gone."""
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@contextmanager
def open_entry(
    key: Path, *, is_sound: Callable[[Path], bool], make: Callable[[Path], None]
) -> Iterator[Path]:
    """Provide a sound entry of a key, which stays while the block runs. If there is none, make one.

    `make(path)` makes the new entry, which gets its name when it is complete. No two processes make entries
    of one key at once. A new entry is used even if it is not sound. Raises whatever `make` raises, and
    `OSError`.
    """
    with ExitStack() as stack:
        entry = _hold_entry(stack, key, is_sound=is_sound)
        while entry is None:
            with _holding_key(key):
                entry = _hold_entry(stack, key, is_sound=is_sound)  # another process may have made it
                if entry is None:
                    sweep([key], dry_run=False)
                    new = key / secrets.token_hex(6)
                    make(new)
                    entry = _hold_entry(stack, key, is_sound=partial(eq, new))
        with suppress(OSError):
            os.utime(entry)
        yield entry


def _hold_entry(stack: ExitStack, key: Path, *, is_sound: Callable[[Path], bool]) -> Path | None:
    """Return a sound entry of a key, and hold it until the stack ends. Remove others that nobody uses."""
    for entry in list_entries(key):
        with ExitStack() as attempt:
            if not attempt.enter_context(locks.directory(entry, share=True)):
                continue  # it is being removed
            if is_sound(entry):
                stack.push(attempt.pop_all())
                return entry
        remove_entry(entry)
    return None


@contextmanager
def _holding_key(key: Path) -> Iterator[None]:
    """Hold the lock of a key, so that no two processes make the same entry at once."""
    for _ in range(_TRIES):
        key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key.mkdir(mode=0o700, exist_ok=True)
        with locks.directory(key, wait=True) as ours:
            if ours:
                yield
                return
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(key))


def is_in_use(entry: Path) -> bool:
    """Whether a process uses an entry now."""
    with locks.directory(entry) as is_free:
        return not is_free


def remove_entry(entry: Path, *, dry_run: bool = False) -> bool:
    """Remove an entry unless a process uses it; return whether it was, or would be, removed."""
    with locks.directory(entry) as is_free:
        if is_free and not dry_run:
            remove_tree(entry)
        return is_free


def sweep(keys: Iterable[Path], *, dry_run: bool) -> list[RemovedEntry]:
    """Remove what killed processes left incomplete; with `dry_run`, only return what that is."""
    paths = [path for key in keys for path in directories.find_abandoned(key)]
    items = [RemovedEntry(path.name, directories.measure_size(path)) for path in paths]
    if not dry_run:
        for path in paths:
            directories.remove_abandoned(path)
    return items


def remove_empty_keys(keys: Iterable[Path]) -> None:
    """Remove the directories of keys that have no entry and that nobody is about to fill."""
    for key in keys:
        with suppress(OSError), locks.directory(key) as is_free:
            if is_free:
                key.rmdir()
