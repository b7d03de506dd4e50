"""The code directory on disk, and updating it to a tree."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.disk.exchange import replace_if
from gitstore.disk.permissions import set_writable
from gitstore.errors import FileChanged, GitstoreError
from gitstore.git.checkout import check_out, hash_as_blob
from gitstore.layout import TOP
from gitstore.models.model import SETTINGS, Model
from gitstore.packs.oid import Oid
from gitstore.staging import stage
from gitstore.staging.working_files import is_beside
from gitstore.workingcopy.unsaved import Holdings

Files = dict[PurePosixPath, FileEntry]

Contents = Mapping[PurePosixPath, Oid | None]
"""Files as they are on disk, by the ids of their bytes; `None` where there is none."""


@dataclass(frozen=True)
class CodeChange:
    """What would make the code directory `at` be `tree`. Paths are relative to it.

    `before` is what is there now, as git sees it. Files that git ignores stay, unless they lie where
    a file of the tree has to go.
    """

    model: Model
    at: PurePosixPath
    tree: Oid
    files_before: Files
    written: tuple[PurePosixPath, ...]
    removed: tuple[PurePosixPath, ...]

    @classmethod
    def plan(cls, model: Model, tree: Oid, *, at: PurePosixPath) -> CodeChange:
        """Plan the change. Raises `GitstoreError` for nested repositories and ignored files in the way."""
        new_files = stored.list_entries(model.repository.objects, tree)
        _check_beside(at, new_files)
        before = _list_directory(model, at, new_files)
        return cls(
            model, at, tree, before,
            written=tuple(path for path, entry in new_files.items() if before.get(path) != entry),
            removed=tuple(sorted(path for path in before if path not in new_files)),
        )  # fmt: skip

    @property
    def paths(self) -> list[PurePosixPath]:
        """The files that change, by their paths in the working copy."""
        return sorted(self.at / path for path in (*self.written, *self.removed))

    def find_losses(self, holdings: Holdings) -> list[PurePosixPath]:
        """List the files whose content would be lost for good, by their paths in the working copy."""
        touched = {*self.written, *self.removed}
        files = {path: entry for path, entry in self.files_before.items() if path in touched}
        return sorted(self.at / path for path in holdings.find_unheld_code(files, self.at))

    def prepare_files(self, scratch: Path) -> Path:
        """Write the new files into a scratch directory, and return it. A derived model's are read-only."""
        ready = check_out(self.model.repository, self.tree, self.written, at=self.at, target=scratch)
        if self.model.pinned_base is not None:
            set_writable(ready, writable=False)
        return ready

    def check_current(self) -> Contents:
        """Raise `FileChanged` unless the directory still is as it was when this was planned.

        Returns what the files hold that are to be changed, byte for byte.
        """
        top = self.model.directory / self.at
        # Read before the listing, so that no edit falls between the two.
        contents = {path: hash_as_blob(top / path) for path in (*self.written, *self.removed)}
        current = _list_directory(self.model, self.at, self.written)
        changed = {
            path
            for path in current.keys() | self.files_before.keys()
            if current.get(path) != self.files_before.get(path)
        }
        if changed:
            raise FileChanged(top / min(changed))
        return contents

    def apply(self, ready: Path, expected: Contents | None) -> None:
        """Bring the directory to what was planned, file by file: each is as before or as after.

        What was in a place is looked at when it is out of it, if `expected` is given. Raises `FileChanged`
        for a file that holds something else: that is left as it was, and the files before it are done.
        """
        top = self.model.directory / self.at
        for path in self.removed:
            _replace(
                top / path, None, path=path, expected=expected, aside=ready.with_name(f"{ready.name}~removed")
            )
            _prune_directories(top, path)
        for path in self.written:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            if (top / path).is_dir() and not (top / path).is_symlink():
                _remove_empty(top / path)
            _replace(top / path, ready / path, path=path, expected=expected)

    def list_ignored(self) -> list[PurePosixPath]:
        """List the files of the tree that git ignores here. A snapshot taken now would lack them."""
        current = stage.list_code(self.model.repository, self.at)
        tree_files = stored.list_entries(self.model.repository.objects, self.tree)
        return sorted(self.at / path for path in tree_files if path not in current)


def _replace(
    place: Path,
    new: Path | None,
    *,
    path: PurePosixPath,
    expected: Contents | None,
    aside: Path | None = None,
) -> None:
    """Replace a file, or put one where none was, if the old content is as expected."""

    if expected is None:
        if new is not None:
            new.replace(place)
        else:
            place.unlink(missing_ok=True)
        return
    before = expected[path]

    def check(moved: Path | None) -> None:
        if (hash_as_blob(moved) if moved is not None else None) != before:
            raise FileChanged(place)

    try:
        replace_if(place, new, check, aside=aside)
    except FileExistsError as error:
        raise FileChanged(place) from error


def make_writable(model: Model, at: PurePosixPath) -> None:
    """Make the files of the code directory writable by their owner; at the top, not ignored files."""
    if at != TOP:
        set_writable(model.directory / at, writable=True)
        return
    for path in stage.list_code(model.repository, at):
        file = model.directory / path
        if file.is_file() and not file.is_symlink():
            file.chmod(file.stat().st_mode | 0o200)


def find_blocking_files(
    directory: Path, old: Collection[PurePosixPath], new: Collection[PurePosixPath]
) -> list[str]:
    """List files that are not in `old` and in the way of `new`. A check-out would drop them."""
    blocking = set()
    for path in set(new) - set(old):
        for needed in (path, *path.parents[:-1]):
            place = directory / needed
            if (place.is_file() or place.is_symlink()) and needed not in old:
                blocking.add(str(needed))
        if (directory / path).is_dir() and not (directory / path).is_symlink():
            inside = (inner for inner in (directory / path).rglob("*") if not inner.is_dir())
            below = (PurePosixPath(inner.relative_to(directory)) for inner in inside)
            blocking.update(str(inner) for inner in below if inner not in old)
    return sorted(blocking)


def _list_directory(model: Model, at: PurePosixPath, new_paths: Iterable[PurePosixPath]) -> Files:
    """List the code directory as git sees it, with the ignored files that are in the way of new ones."""
    top = model.directory / at
    for folder in (at, *at.parents)[:-1]:
        if (model.directory / folder).is_symlink():
            raise GitstoreError(
                f"{model.directory / folder} is a link, and gitstore does not write code through links"
            )
    files = stage.list_code(model.repository, at)
    absent = [path for path in new_paths if path not in files]
    ignored = [path for path in absent if _is_file(top / path) and not _is_behind_file(top, path)]
    if ignored:
        files = stage.list_code(model.repository, at, ignored)
    for path in absent:
        _check_not_blocked(top, path, files)
    return files


def _check_beside(at: PurePosixPath, paths: Iterable[PurePosixPath]) -> None:
    """Raise `GitstoreError` for code at the top of the repository that would replace other files."""
    beside = next((path for path in paths if is_beside(at, path)), None)
    if beside is not None:
        raise GitstoreError(
            f"the code has a file {beside}, which cannot be at the top of the repository",
            f"write code: code into {SETTINGS}, to give the code a directory of its own",
        )


def _check_not_blocked(top: Path, path: PurePosixPath, files: Files) -> None:
    """Raise `GitstoreError` if ignored files are in the way of a file. They are not ours to remove."""
    for parent in reversed(path.parents[:-1]):
        if parent in files:
            return  # a file or a link, which goes
        if _is_file(top / parent):
            raise GitstoreError(
                f"{top / parent} is ignored by git, but a directory is needed in its place", "move it away"
            )
    for folder, _, names in os.walk(top / path):
        for name in names:
            inner = Path(folder, name)
            if PurePosixPath(inner.relative_to(top)) not in files:
                raise GitstoreError(
                    f"{inner} is ignored by git, but a file is needed in place of its directory",
                    "move it away",
                )


def _is_file(path: Path) -> bool:
    """Whether the path exists and is not a directory."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def _is_behind_file(top: Path, path: PurePosixPath) -> bool:
    """Whether a path leads through something that is not a directory, such as a link to one."""
    return any(_is_file(top / parent) for parent in path.parents[:-1])


def _prune_directories(top: Path, path: PurePosixPath) -> None:
    """Remove the directories above a file that are empty without it."""
    with suppress(OSError):
        for parent in path.parents[:-1]:
            (top / parent).rmdir()


def _remove_empty(directory: Path) -> None:
    """Remove directories in which there is no file."""
    for folder, _, _ in os.walk(directory, topdown=False):
        Path(folder).rmdir()
