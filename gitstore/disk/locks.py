"""Locks of a repository, which every write shares and gc takes alone, of a working copy, and of single deeds.

A write decides by what the repository has which objects it need not add. Between that look and its
ref nothing may go, so a write holds the repository's lock for all that time. Nor may files be replaced
while they are read: who reads a working copy shares its lock, who replaces files in it takes it alone.

A lock is an flock(2) on a file: it goes with the process that took it and the git processes that this
started, however they end. (A git that outlives its killed parent may still set the ref.) Stock git
knows nothing of it.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from gitstore.disk import permissions
from gitstore.disk.permissions import make_directory, share
from gitstore.errors import Locked

PATIENCE = 10.0
"""Seconds that a write waits for a gc to end, a restore for a snapshot, and a snapshot for a restore."""

_PAUSE = 0.05
_WRITABLE = os.O_RDWR | os.O_CREAT
_LATER = "let it finish, then say the same again"


class _Held(threading.local):
    """The descriptors of the locks that a thread holds."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []


_held = _Held()


def held() -> tuple[int, ...]:
    """The descriptors by which this thread holds locks, for child processes to hold them too."""
    return tuple(_held.descriptors)


@contextmanager
def shared(private: Path) -> Iterator[None]:
    """Hold the lock of a repository with other writes. Raises `Locked` if gc runs on for `PATIENCE`."""
    with _open(_file(private)) as descriptor:
        if not _wait_for(descriptor, fcntl.LOCK_SH):
            raise Locked(f"gitstore gc is running in {private.parent}", _LATER)
        yield


@contextmanager
def reading(private: Path) -> Iterator[None]:
    """Hold the lock of a repository that is only read with its writes, so that no gc runs.

    Where we may not even open the lock, of somebody else or on a read-only disk, nothing is held. In
    somebody else's repository no lock is made. Raises `Locked` like `shared`.
    """
    with ExitStack() as stack:
        descriptor = None
        for flags in (os.O_RDONLY, _WRITABLE) if permissions.is_ours(private) else (os.O_RDONLY,):
            if descriptor is None:
                with suppress(OSError):
                    descriptor = stack.enter_context(_open(_file(private), flags))
        if descriptor is not None and not _wait_for(descriptor, fcntl.LOCK_SH):
            raise Locked(f"gitstore gc is running in {private.parent}", _LATER)
        yield


def exclusive(private: Path) -> AbstractContextManager[None]:
    """Hold the lock of a repository alone. Raises `Locked` at once if another process holds it."""
    return _alone(_file(private), f"another gitstore command is writing in {private.parent}")


@contextmanager
def upkeep(private: Path) -> Iterator[bool]:
    """Hold the lock with other writes, and one of its own: for merging packs, which one process does.

    Whether both were free; nothing is waited for.
    """
    with _open(private / "merge.lock") as merging, _open(_file(private)) as writing:
        yield _take(merging, fcntl.LOCK_EX) and _take(writing, fcntl.LOCK_SH)


@contextmanager
def working_copy(git_directory: Path) -> Iterator[None]:
    """Hold a working copy alone, for replacing files in it.

    Raises `Locked` if others hold it for longer than `PATIENCE`.
    """
    with _open(_working_copy(git_directory)) as descriptor:
        if not _wait_for(descriptor, fcntl.LOCK_EX):
            raise Locked("another gitstore command is using this working copy", _LATER)
        yield


@contextmanager
def reading_working_copy(git_directory: Path) -> Iterator[None]:
    """Hold a working copy with others that read its files, so that no gitstore command replaces any.

    Raises `Locked` if one does for longer than `PATIENCE`.
    """
    with _open(_working_copy(git_directory)) as descriptor:
        if not _wait_for(descriptor, fcntl.LOCK_SH):
            raise Locked("another gitstore command is replacing files in this working copy", _LATER)
        yield


@contextmanager
def derivation(private: Path) -> Iterator[None]:
    """Hold alone what models are based on: derive, rebase and rm do not run beside each other.

    A model whose worktree is not there yet would look interrupted to another derive, and rm looks for
    models that are based on a snapshot. Raises `Locked` if it is held for longer than `PATIENCE`.
    """
    with _open(private / "derive.lock") as descriptor:
        if not _wait_for(descriptor, fcntl.LOCK_EX):
            raise Locked("another gitstore derive, rebase or rm is running", _LATER)
        yield


@contextmanager
def directory(path: Path, *, share: bool = False, wait: bool = False) -> Iterator[bool]:
    """Hold a directory, alone or with others; whether that was possible, and it is there still.

    It is whoever has the directory's name that is held: one that was removed or replaced meanwhile is not.
    Nothing is waited for, unless the caller means to `wait`.
    """
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(_open(path, os.O_RDONLY | os.O_DIRECTORY))
        except OSError:  # gone, no directory, or not ours to open
            yield False
            return
        kind = fcntl.LOCK_SH if share else fcntl.LOCK_EX
        if wait:
            fcntl.flock(descriptor, kind)
        yield (wait or _take(descriptor, kind)) and _is_named(descriptor, path)


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether a path leads to an open directory."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def record(private: Path) -> Iterator[None]:
    """Write the record of refs alone; waits for the others, which take milliseconds.

    Raises `Locked` if one of them takes longer than `PATIENCE`.
    """
    make_directory(private)
    with _open(private, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        if not _wait_for(descriptor, fcntl.LOCK_EX):
            raise Locked(f"another process is writing in {private}", _LATER)
        yield


def hooks(private: Path) -> AbstractContextManager[None]:
    """Install or uninstall hooks alone. Raises `Locked` at once if another process does."""
    return _alone(private / "hooks.lock", "another gitstore command is installing hooks")


def state_names(private: Path) -> AbstractContextManager[None]:
    """Hold the names of a repository's states alone. Raises `Locked` at once if another process does."""
    return _alone(private / "states.lock", "another gitstore command is renaming or removing states")


def _working_copy(git_directory: Path) -> Path:
    return git_directory / "gitstore-files.lock"


def _file(private: Path) -> Path:
    return private / "lock"


@contextmanager
def _alone(path: Path, refusal: str) -> Iterator[None]:
    """Hold a lock alone, or fail at once with what the other process does."""
    with _open(path) as descriptor:
        if not _take(descriptor, fcntl.LOCK_EX):
            raise Locked(refusal, _LATER)
        yield


@contextmanager
def _open(path: Path, flags: int = _WRITABLE) -> Iterator[int]:
    """A lock's file, and the lock gone with the block unless a child process still has it open."""
    if flags & os.O_CREAT:
        make_directory(path.parent)
    is_new = not path.exists()
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
    if is_new:
        share(path)
    _held.descriptors.append(descriptor)
    try:
        yield descriptor
    finally:
        _held.descriptors.remove(descriptor)
        with suppress(OSError):  # it is closed all the same, close(2)
            os.close(descriptor)


def _wait_for(descriptor: int, operation: int) -> bool:
    """Take a lock within `PATIENCE`; whether that was possible."""
    deadline = time.monotonic() + PATIENCE
    while not _take(descriptor, operation):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _take(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
