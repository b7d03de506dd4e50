"""Locks of a repository, of a working copy, and of single operations.

A write does not add objects that the repository has already. Between that decision and the write's ref,
nothing may be collected. So every write holds the repository's lock together with other writes, and gc holds
it alone. Likewise, a command that reads the files of a working copy shares its lock, and a command that
replaces files holds it alone.

A lock is an flock(2) on a file. It is held by the process that took it and by the git processes that this
process starts, and ends with the last of them. (A git that outlives its killed parent may still set the ref.)
Stock git does not know these locks.
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
"""Seconds to wait for a lock: a write for gc, a restore for a snapshot, and a snapshot for a restore."""

_PAUSE = 0.05
_WRITABLE = os.O_RDWR | os.O_CREAT
_LATER = "wait until it has finished, then run the same command again"


class _Held(threading.local):
    """The descriptors of the locks that a thread holds."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []


_held = _Held()


def held() -> tuple[int, ...]:
    """Return the descriptors of this thread's locks, so that child processes can inherit them."""
    return tuple(_held.descriptors)


def shared(private: Path) -> AbstractContextManager[None]:
    """Hold the lock of a repository together with other writes.

    Raises `Locked` if gc runs for longer than `PATIENCE`.
    """
    return _hold_patiently(
        _file(private), fcntl.LOCK_SH, refusal=f"gitstore gc is running in {private.parent}"
    )


@contextmanager
def reading(private: Path) -> Iterator[None]:
    """Hold the lock of a repository that is only read, so that no gc runs in it.

    If the lock cannot be opened, because it belongs to another user or the disk is read-only, nothing is
    held. No lock file is created in another user's repository. Raises `Locked` like `shared`.
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
    return _hold_alone(_file(private), f"another gitstore command is writing in {private.parent}")


@contextmanager
def upkeep(private: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock together with other writes, and the merge lock alone, for merging or dividing packs.

    Yields whether both are held. With `wait`, waits for up to `PATIENCE` for each. A process that cannot get
    them does without.
    """
    take = _wait_for if wait else _try_lock
    with _open(private / "merge.lock") as merge, _open(_file(private)) as write:
        yield take(merge, fcntl.LOCK_EX) and take(write, fcntl.LOCK_SH)


def working_copy(git_directory: Path) -> AbstractContextManager[None]:
    """Hold a working copy alone, to replace files in it.

    Raises `Locked` if other processes hold it for longer than `PATIENCE`.
    """
    refusal = "another gitstore command is using this working copy"
    return _hold_patiently(_working_copy(git_directory), fcntl.LOCK_EX, refusal=refusal)


def reading_working_copy(git_directory: Path) -> AbstractContextManager[None]:
    """Hold a working copy together with other readers, so that no gitstore command replaces its files.

    Raises `Locked` if a command replaces files for longer than `PATIENCE`.
    """
    refusal = "another gitstore command is replacing files in this working copy"
    return _hold_patiently(_working_copy(git_directory), fcntl.LOCK_SH, refusal=refusal)


def derivation(private: Path) -> AbstractContextManager[None]:
    """Hold the lock of derive, rebase and rm, which must not run at the same time.

    To another derive, a model without a worktree looks interrupted; rm looks for models that are based on a
    snapshot. Raises `Locked` if another process holds the lock for longer than `PATIENCE`.
    """
    refusal = "another gitstore derive, rebase or rm is running"
    return _hold_patiently(private / "derive.lock", fcntl.LOCK_EX, refusal=refusal)


@contextmanager
def directory(path: Path, *, share: bool = False, wait: bool = False) -> Iterator[bool]:
    """Hold a directory, alone or with others. Yields whether it is held.

    It is not if another process holds it, or if it was removed or replaced before it was locked. Waits only
    if `wait`.
    """
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(_open(path, os.O_RDONLY | os.O_DIRECTORY))
        except OSError:  # removed, not a directory, or not readable
            yield False
            return
        kind = fcntl.LOCK_SH if share else fcntl.LOCK_EX
        if wait:
            fcntl.flock(descriptor, kind)
        yield (wait or _try_lock(descriptor, kind)) and _is_named(descriptor, path)


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether an open directory still has its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def record(private: Path) -> Iterator[None]:
    """Hold the record of refs alone, to write it; waits for other writers, which take milliseconds.

    Raises `Locked` if one of them takes longer than `PATIENCE`.
    """
    make_directory(private)
    with _open(private, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        if not _wait_for(descriptor, fcntl.LOCK_EX):
            raise Locked(f"another process is writing in {private}", _LATER)
        yield


def hooks(private: Path) -> AbstractContextManager[None]:
    """Hold the installation of hooks alone. Raises `Locked` at once if another process holds it."""
    return _hold_alone(private / "hooks.lock", "another gitstore command is installing hooks")


def notes(private: Path) -> AbstractContextManager[None]:
    """Hold the git notes of a repository alone, to change them. Raises `Locked` after `PATIENCE`."""
    refusal = "another gitstore command is writing records"
    return _hold_patiently(private / "notes.lock", fcntl.LOCK_EX, refusal=refusal)


def state_names(private: Path) -> AbstractContextManager[None]:
    """Hold the names of a repository's states alone.

    Raises `Locked` at once if another process holds them.
    """
    return _hold_alone(private / "states.lock", "another gitstore command is renaming or removing states")


def _working_copy(git_directory: Path) -> Path:
    return git_directory / "gitstore-files.lock"


def _file(private: Path) -> Path:
    return private / "lock"


@contextmanager
def _hold_patiently(path: Path, operation: int, *, refusal: str) -> Iterator[None]:
    """Hold a lock, alone or with others. Raises `Locked` with `refusal` after `PATIENCE`."""
    with _open(path) as descriptor:
        if not _wait_for(descriptor, operation):
            raise Locked(refusal, _LATER)
        yield


@contextmanager
def _hold_alone(path: Path, refusal: str) -> Iterator[None]:
    """Hold a lock alone. Raises `Locked` with `refusal` at once if another process holds it."""
    with _open(path) as descriptor:
        if not _try_lock(descriptor, fcntl.LOCK_EX):
            raise Locked(refusal, _LATER)
        yield


@contextmanager
def _open(path: Path, flags: int = _WRITABLE) -> Iterator[int]:
    """Open a lock's file. The lock ends with the block, unless a child process still has the file open."""
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
        with suppress(OSError):  # the descriptor is closed even then, close(2)
            os.close(descriptor)


def _wait_for(descriptor: int, operation: int) -> bool:
    """Try to take a lock for `PATIENCE`; return whether it was taken."""
    deadline = time.monotonic() + PATIENCE
    while not _try_lock(descriptor, operation):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
