"""Refs: reading them, and changing several at once by compare-and-swap."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from gitstore.afterwards import only_warn
from gitstore.disk.atomic import sync_directory
from gitstore.errors import Corrupt, GitstoreError, Locked
from gitstore.git import process as git
from gitstore.git import ref_files
from gitstore.git.files import RefValue
from gitstore.git.ref_files import DamagedRef, PackedRefs
from gitstore.git.ref_record import RefRecord
from gitstore.packs.oid import Oid

__all__ = ["Change", "DamagedRef", "Listing", "RefChanged", "Refs"]

_ABSENT = "0" * 40  # how git update-ref spells it; here it is None
_LONGEST_CHAIN = 5  # of symbolic refs, as git has it
_OF_A_WORKTREE = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_SYNCED = ("-c", "core.fsync=reference")  # which git does not do unless told

_BEFORE_ANY = "cannot lock ref"  # git locks all refs before it changes any; it does not translate this


class RunGit(Protocol):
    """Runs stock git in a repository, like `Repository.git`."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Return its standard output. Raises `git.GitFailed`."""


class RefChanged(GitstoreError):
    """A ref was not what it should have been, so nothing was changed. `ref` is the first such."""

    def __init__(self, ref: str, message: str) -> None:
        super().__init__(message, "another command changed it meanwhile; look again, then repeat yours")
        self.ref = ref


class Change(NamedTuple):
    """One ref's change: from `old` to `new`, where `None` means that there is no such ref.

    To delete a symbolic ref deletes that, and not the one it leads to, whose id `old` is.
    """

    ref: str
    old: Oid | None
    new: Oid | None


class Listing(NamedTuple):
    """Refs with their ids, by name, symbolic ones left out; and those that cannot be read."""

    refs: dict[str, Oid]
    damaged: tuple[DamagedRef, ...]


class Refs:
    """The refs of a repository, as one worktree sees them.

    Only files are read: loose refs and packed-refs. A repository with the reftable format is not opened
    at all.
    """

    def __init__(self, git_directory: Path, run: RunGit, common: Path) -> None:
        self._own = git_directory
        self._run = run
        self._common = common
        self._record = RefRecord(common / "gitstore")
        self._packed_refs = PackedRefs(common / "packed-refs", b"")
        self._packed_stamp: tuple[int, ...] | None = None

    def get(self, ref: str) -> Oid | None:
        """What a ref points to, through symbolic refs; `None` if there is none or it is unborn.

        Raises `DamagedRef` if it, or the file that could have it, cannot be read.
        """
        value = self._read(ref)
        seen = 0
        while isinstance(value, str) and seen < _LONGEST_CHAIN:
            value = self._read(value)
            seen += 1
        return value if isinstance(value, Oid) else None

    def symbolic(self, ref: str) -> str | None:
        """The name a symbolic ref holds, born or not; `None` if it is none. Raises `DamagedRef`."""
        value = ref_files.read_loose(self._home(ref), ref) if ref_files.is_ref_name(ref) else None
        return value if isinstance(value, str) else None

    def below(self, prefix: str) -> Iterator[tuple[str, Oid]]:
        """All refs below a prefix such as `refs/tags/`, by name, symbolic ones left out.

        Raises `Corrupt` if any of them cannot be read: nobody can tell then what it holds.
        """
        found = self.look(prefix)
        if found.damaged:
            raise Corrupt("\n".join(each.message for each in found.damaged), found.damaged[0].hint)
        yield from found.refs.items()

    def look(self, prefix: str) -> Listing:
        """Like `below`, for who goes on with those that can be read and names the others."""
        # Loose refs first: git packs a ref before it removes the loose one, which counts if both are there.
        loose = dict(ref_files.loose(self._common, prefix))
        packed = self.packed()
        found: dict[str, Oid] = {}
        for name in sorted({*loose, *(name for name in packed.refs if name.startswith(prefix))}):
            value = loose[name] if name in loose else packed.refs[name].oid
            if isinstance(value, Oid):
                found[name] = value
        damaged = (each for _, each in sorted(loose.items()) if isinstance(each, DamagedRef))
        return Listing(found, (*damaged, *packed.problems))

    def any_below(self, *prefixes: str) -> bool:
        """Whether there is any ref below one of some prefixes such as `refs/tags/dogs/`.

        Unlike `below`, it does not look at all refs. Symbolic ones are left out.
        """
        # Loose refs first: git packs a ref before it removes the loose one.
        if any(_has_refs(self._common / prefix) for prefix in prefixes):
            return True
        try:
            packed = (self._common / "packed-refs").read_bytes()
        except FileNotFoundError:
            return False
        return any(b" " + os.fsencode(prefix) in packed for prefix in prefixes)

    def all(self) -> Iterator[tuple[str, Oid]]:
        """Every ref of the repository, by name, symbolic ones left out. Raises `Corrupt` like `below`."""
        return self.below("refs/")

    def change(self, changes: Sequence[Change], reason: str) -> None:
        """Make all changes or none, if every ref still is what `old` says.

        Durable on return. Raises `RefChanged` if a ref is not as expected and `Locked` if another git
        process is changing it. Killed, several deletions have happened all or none; of other changes
        git may have made the first ones only: it renames a file for each new value, and deletes last.
        """
        if sum(change.new is None for change in changes) > 1:
            self._pack(changes)
        try:
            self._update(changes, reason)
        except git.GitFailed as error:
            # Git may fail after it has made changes: a full disk as it writes a log, a signal.
            left = [change for change in changes if self._now(change) != change.new]
            if len(left) == len(changes) or _BEFORE_ANY in error.stderr:
                raise self._explained(changes, error) from error
            if left:
                self._finish(changes, left, reason)
        self._sync_names(change.ref for change in changes)
        self._record.note((change.ref, change.old, change.new) for change in changes)

    def _update(self, changes: Iterable[Change], reason: str) -> None:
        commands = "".join(_command(change) for change in changes)
        self._run(
            *_SYNCED, "update-ref", "--stdin", "-z", "-m", f"gitstore: {reason}", stdin=commands.encode()
        )

    def _finish(self, changes: Sequence[Change], left: Sequence[Change], reason: str) -> None:
        """Make the changes that a git which failed has left; where that fails too, take back the others."""
        try:
            self._update(left, reason)
        except git.GitFailed as error:
            made = [change for change in changes if change not in left and self._now(change) == change.new]
            back = [Change(change.ref, change.new, change.old) for change in reversed(made)]
            try:
                self._update(back, f"{reason}, taken back")
            except git.GitFailed:
                names = ", ".join(change.ref for change in made)
                raise GitstoreError(
                    f"only a part of the refs was changed ({names}), and git cannot take that back:"
                    f" {error.message}",
                    "fix that, then run the same command again",
                ) from error
            raise self._explained(left, error) from error

    def _pack(self, changes: Sequence[Change]) -> None:
        """Let git pack refs that are to be deleted together: they are then gone at one instant, in one file.

        Of loose refs git removes one file after the other.
        """
        deleted = [change.ref for change in changes if change.new is None]
        if any((self._common / ref).is_file() and self.symbolic(ref) is None for ref in deleted):
            try:
                self._run(*_SYNCED, "pack-refs", "--all")
            except git.GitFailed as error:
                raise self._explained(changes, error) from error

    def _now(self, change: Change) -> Oid | None:
        """What the ref of a change holds: of one to be deleted, that it is there, be it symbolic."""
        if change.new is None and self.symbolic(change.ref) is not None:
            return change.old
        return self.get(change.ref)

    def _read(self, ref: str) -> RefValue | None:
        if not ref_files.is_ref_name(ref):
            return None
        value = ref_files.read_loose(self._home(ref), ref)
        if value is not None:
            return value
        # After the loose one: git packs a ref before it removes that.
        return self.packed().get(ref) if ref.startswith("refs/") else None

    def _home(self, ref: str) -> Path:
        """Where the file of a ref is: each working copy has some of its own, gitrepository-layout(5)."""
        return self._own if "/" not in ref or ref.startswith(_OF_A_WORKTREE) else self._common

    def packed(self) -> PackedRefs:
        """What packed-refs holds, read again if it has been replaced, as git does.

        A loose ref of the same name stands before it.
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
        """Make the names of refs durable, which git leaves to the file system."""
        for directory in {directory for ref in refs for directory in Path(ref).parents}:
            with only_warn(f"{directory} may not survive a power failure"), suppress(FileNotFoundError):
                sync_directory(self._common / directory)

    def _explained(self, changes: Sequence[Change], error: git.GitFailed) -> GitstoreError:
        for change in changes:
            now = self.get(change.ref)
            if now != change.old:
                state = "exists already" if change.old is None else "has changed" if now else "is gone"
                return RefChanged(change.ref, f"{change.ref} {state}")
        locked = (self._locked(ref) for ref in (*(change.ref for change in changes), "packed-refs"))
        return next((lock for lock in locked if lock is not None), error)

    def _locked(self, ref: str) -> Locked | None:
        for suffix in (".lock", ".new"):  # git writes packed-refs.new, which stops it likewise
            lock = self._common / f"{ref}{suffix}"
            if lock.exists() and (suffix == ".lock" or ref == "packed-refs"):
                return Locked(
                    f"{ref} is locked by another git process",
                    f"if none is running, a crash left the lock: remove {lock}",
                )
        return None


def _has_refs(directory: Path) -> bool:
    """Whether there are loose refs below a directory, but for symbolic ones and locks."""
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                is_ref = not name.endswith(".lock") and not name.startswith(".")
                if is_ref and not Path(folder, name).read_bytes().startswith(b"ref:"):
                    return True
    return False


def _command(change: Change) -> str:
    """A line of `git update-ref --stdin -z`."""
    old = str(change.old) if change.old else _ABSENT
    if change.new is None:
        return f"option no-deref\0delete {change.ref}\0{old}\0"
    return f"update {change.ref}\0{change.new}\0{old}\0"
