"""Refs: reading them, and changing several at once by compare-and-swap."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from gitstore.disk.afterwards import only_warn
from gitstore.disk.atomic import sync_directory
from gitstore.errors import Corrupt, GitstoreError, Locked
from gitstore.git import process as git
from gitstore.git import ref_files
from gitstore.git.files import RefValue
from gitstore.git.ref_files import DamagedRef, PackedRefs
from gitstore.git.ref_record import RefRecord
from gitstore.packs.oid import Oid

__all__ = ["DamagedRef", "RefChange", "RefChanged", "RefListing", "Refs"]

_ABSENT = "0" * 40  # in git update-ref; None in this module
_LONGEST_CHAIN = 5  # of symbolic refs, as git has it
_WORKTREE_REFS = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_SYNCED = ("-c", "core.fsync=reference")  # by default, git syncs no refs

_NOTHING_CHANGED = "cannot lock ref"  # git locks all refs before it changes any; never translated


class RunGit(Protocol):
    """Runs stock git in a repository, like `Repository.git`."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Return its standard output. Raises `git.GitFailed`."""


class RefChanged(GitstoreError):
    """A ref did not have the expected value, so nothing was changed. `ref` is the first such ref."""

    def __init__(self, ref: str, message: str) -> None:
        super().__init__(
            message, "another command changed it meanwhile; check its change, then run the same command again"
        )
        self.ref = ref


class RefChange(NamedTuple):
    """The change of a ref from `old` to `new`. `None` means that the ref does not exist.

    Deleting a symbolic ref deletes that ref and not its target, although `old` is the id of the target.
    """

    ref: str
    old: Oid | None
    new: Oid | None


class RefListing(NamedTuple):
    """Refs with their ids, by name, without symbolic refs; and the refs that cannot be read."""

    refs: dict[str, Oid]
    damaged: tuple[DamagedRef, ...]

    def directly_in(self, namespace: str) -> RefListing:
        """Return the refs directly in the namespace that was listed, such as `refs/tags/`.

        A damaged packed-refs stays among the damaged: any of its lines may be such a ref.
        """
        return RefListing(
            {ref: oid for ref, oid in self.refs.items() if "/" not in ref.removeprefix(namespace)},
            tuple(error for error in self.damaged if "/" not in error.ref.removeprefix(namespace)),
        )


class Refs:
    """The refs of a repository, as one worktree sees them.

    They are read from files: loose refs and packed-refs. `Repository` refuses the reftable format. Stock
    git changes them.
    """

    def __init__(self, git_directory: Path, *, common: Path, run: RunGit) -> None:
        self._own = git_directory
        self._run = run
        self._common = common
        self._record = RefRecord(common / "gitstore")
        self._packed_refs = PackedRefs(common / "packed-refs", b"")
        self._packed_stamp: tuple[int, ...] | None = None

    def get(self, ref: str) -> Oid | None:
        """Return what a ref points to, through symbolic refs; `None` if it does not exist or is unborn.

        Raises `DamagedRef` if the ref, or the file that could contain it, cannot be read.
        """
        value = self._read(ref)
        depth = 0
        while isinstance(value, str) and depth < _LONGEST_CHAIN:
            value = self._read(value)
            depth += 1
        return value if isinstance(value, Oid) else None

    def symbolic(self, ref: str) -> str | None:
        """Return the target of a symbolic ref, born or not; `None` for other refs. Raises `DamagedRef`."""
        value = ref_files.read_loose(self._directory_of(ref), ref) if ref_files.is_ref_name(ref) else None
        return value if isinstance(value, str) else None

    def below(self, prefix: str) -> Iterator[tuple[str, Oid]]:
        """Yield all refs below a prefix such as `refs/tags/`, by name, without symbolic refs.

        Raises `Corrupt` if any of them cannot be read, because nobody can know what it holds.
        """
        listing = self.list_below(prefix)
        if listing.damaged:
            raise Corrupt("\n".join(ref.message for ref in listing.damaged), listing.damaged[0].hint)
        yield from listing.refs.items()

    def list_below(self, prefix: str) -> RefListing:
        """List refs like `below`, but return those that cannot be read instead of raising."""
        # Loose refs first: git packs a ref before it removes the loose one. If both exist, that one counts.
        loose = dict(ref_files.list_loose(self._common, prefix))
        packed = self.packed()
        values = {name: oid for name, oid in packed.refs.items() if name.startswith(prefix)} | loose
        refs = {name: oid for name in sorted(values) if isinstance(oid := values[name], Oid)}
        damaged = (value for _, value in sorted(loose.items()) if isinstance(value, DamagedRef))
        return RefListing(refs, (*damaged, *packed.problems))

    def has_any_below(self, *prefixes: str) -> bool:
        """Whether any ref exists below one of some prefixes such as `refs/tags/dogs/`.

        Unlike `below`, it does not read all refs. Symbolic refs do not count.
        """
        # Loose refs first: git packs a ref before it removes the loose one.
        if any(_has_loose_refs(self._common / prefix) for prefix in prefixes):
            return True
        try:
            packed = (self._common / "packed-refs").read_bytes()
        except FileNotFoundError:
            return False
        return any(b" " + os.fsencode(prefix) in packed for prefix in prefixes)

    def has_loose(self) -> bool:
        """Whether a ref has a file of its own, so that `git pack-refs` would pack it. No symbolic refs."""
        return any(isinstance(value, Oid) for _, value in ref_files.list_loose(self._common, "refs/"))

    def all(self) -> Iterator[tuple[str, Oid]]:
        """Yield every ref of the repository, without symbolic refs. Raises `Corrupt` like `below`."""
        return self.below("refs/")

    def change(self, changes: Sequence[RefChange], reason: str) -> None:
        """Make all changes or none, if every ref still has its `old` value. `reason` goes to the reflog.

        Durable on return. Raises `RefChanged` if a ref does not have its old value, and `Locked` if another
        git process is changing it. After a kill, either all deletions have happened or none. Of other
        changes, git may have made only the first ones: it renames one file for each new value, then deletes.
        """
        if sum(change.new is None for change in changes) > 1:
            self._pack(changes)
        try:
            self._update(changes, reason)
        except git.GitFailed as error:
            # git can fail after it has made changes: a full disk while it writes a reflog, a signal.
            remaining = [change for change in changes if self._current(change) != change.new]
            if len(remaining) == len(changes) or _NOTHING_CHANGED in error.stderr:
                raise self._explain(changes, error) from error
            if remaining:
                self._finish(changes, remaining, reason=reason)
        self._sync_names(change.ref for change in changes)
        self._record.note((change.ref, change.old, change.new) for change in changes)

    def _update(self, changes: Iterable[RefChange], reason: str) -> None:
        commands = "".join(_format_command(change) for change in changes)
        self._run(
            *_SYNCED, "update-ref", "--stdin", "-z", "-m", f"gitstore: {reason}", stdin=commands.encode()
        )

    def _finish(self, changes: Sequence[RefChange], remaining: Sequence[RefChange], *, reason: str) -> None:
        """Make the changes that a failed git has not made. If that fails, too, undo the others."""
        try:
            self._update(remaining, reason)
        except git.GitFailed as error:
            completed = [
                change
                for change in changes
                if change not in remaining and self._current(change) == change.new
            ]
            inverse = [RefChange(change.ref, change.new, change.old) for change in reversed(completed)]
            try:
                self._update(inverse, f"{reason}, undone")
            except git.GitFailed:
                names = ", ".join(change.ref for change in completed)
                raise GitstoreError(
                    f"only some of the refs were changed ({names}), and git cannot undo that:"
                    f" {error.message}",
                    "fix that, then run the same command again",
                ) from error
            raise self._explain(remaining, error) from error

    def _pack(self, changes: Sequence[RefChange]) -> None:
        """Let git pack refs that will be deleted together, so that they vanish at one instant, in one file.

        git would remove the files of loose refs one after the other.
        """
        deleted = [change.ref for change in changes if change.new is None]
        if any((self._common / ref).is_file() and self.symbolic(ref) is None for ref in deleted):
            try:
                self._run(*_SYNCED, "pack-refs", "--all")
            except git.GitFailed as error:
                raise self._explain(changes, error) from error

    def _current(self, change: RefChange) -> Oid | None:
        """Return what the ref of a change holds now: `old` for a symbolic ref that will be deleted."""
        if change.new is None and self.symbolic(change.ref) is not None:
            return change.old
        return self.get(change.ref)

    def _read(self, ref: str) -> RefValue | None:
        if not ref_files.is_ref_name(ref):
            return None
        value = ref_files.read_loose(self._directory_of(ref), ref)
        if value is not None:
            return value
        # After the loose ref: git packs a ref before it removes the loose one.
        return self.packed().get(ref) if ref.startswith("refs/") else None

    def _directory_of(self, ref: str) -> Path:
        """Return where the file of a ref is. A working copy has some of its own, gitrepository-layout(5)."""
        return self._own if "/" not in ref or ref.startswith(_WORKTREE_REFS) else self._common

    def packed(self) -> PackedRefs:
        """Return the refs in packed-refs, read again if the file was replaced, as git does.

        A loose ref of the same name takes precedence.
        """
        path = self._common / "packed-refs"
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                if stamp != self._packed_stamp:
                    self._packed_refs = PackedRefs(path, file.read())
                    self._packed_stamp = stamp
        except FileNotFoundError:
            self._packed_refs, self._packed_stamp = PackedRefs(path, b""), None
        return self._packed_refs

    def _sync_names(self, refs: Iterable[str]) -> None:
        """Sync the directories of refs, which git leaves to the file system."""
        for directory in {directory for ref in refs for directory in Path(ref).parents}:
            with only_warn(f"{directory} may not survive a power failure"), suppress(FileNotFoundError):
                sync_directory(self._common / directory)

    def _explain(self, changes: Sequence[RefChange], error: git.GitFailed) -> GitstoreError:
        """Return the reason why git did not make changes, as an error of its own if it is a usual one."""
        for change in changes:
            current = self.get(change.ref)
            if current != change.old:
                problem = "already exists" if change.old is None else "has changed" if current else "is gone"
                return RefChanged(change.ref, f"{change.ref} {problem}")
        locks = (self._find_lock(ref) for ref in (*(change.ref for change in changes), "packed-refs"))
        return next((lock for lock in locks if lock is not None), error)

    def _find_lock(self, ref: str) -> Locked | None:
        for suffix in (".lock", ".new"):  # git also stops if packed-refs.new exists
            lock = self._common / f"{ref}{suffix}"
            if lock.exists() and (suffix == ".lock" or ref == "packed-refs"):
                return Locked(
                    f"{ref} is locked by another git process",
                    f"if no git process is running, a crash left the lock: remove {lock}",
                )
        return None


def _has_loose_refs(directory: Path) -> bool:
    """Whether loose refs exist below a directory. Symbolic refs and locks do not count."""
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                is_ref = not name.endswith(".lock") and not name.startswith(".")
                if is_ref and not Path(folder, name).read_bytes().startswith(b"ref:"):
                    return True
    return False


def _format_command(change: RefChange) -> str:
    """Return a command of `git update-ref --stdin -z`."""
    old = str(change.old) if change.old else _ABSENT
    if change.new is None:
        return f"option no-deref\0delete {change.ref}\0{old}\0"
    return f"update {change.ref}\0{change.new}\0{old}\0"
