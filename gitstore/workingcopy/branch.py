"""A model's branch: adding a commit to it, and updating the working copy to match.

The commit point is the change of the branch's ref. An interruption after it leaves a working copy that is
behind its branch, as `git status` shows. `Branch.complete_interrupted` updates it. That overwrites only
content that the branch's history has.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from gitstore import settings
from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.errors import GitstoreError, Locked
from gitstore.git.process import GitFailed
from gitstore.git.refs import RefChange
from gitstore.models.model import SETTINGS, Model, read_committed_file
from gitstore.objects import commit, tree
from gitstore.objects.paths import find_entry, read_tree
from gitstore.objects.tree import TreeEntry
from gitstore.objects.writer import ObjectWriter
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import Settings
from gitstore.staging.stage import copied_index, list_code
from gitstore.text import list_some
from gitstore.workingcopy.uncommitted import list_uncommitted

# What git read-tree says of a file that it would lose, before it has changed any (git's unpack-trees.c).
_EDITED = re.compile("(?:Entry|Untracked working tree file) '(.+)' (?:not uptodate|would be)")


@dataclass(frozen=True)
class Branch:
    """The branch of a model that a working copy has checked out. `tip` is its head when it was opened."""

    model: Model
    ref: str
    tip: Oid

    @classmethod
    def open(cls, model: Model) -> Branch:
        """Open the model's branch. Raises `GitstoreError` if something else is checked out."""
        if model.repository.is_bare:
            raise GitstoreError(
                f"{model.directory} is a bare repository", "run it in a working copy of the model"
            )
        name, tip = model.repository.head(), model.head
        if name is None or tip is None or (model.prefix and name != model.name):
            actual = "no branch" if name is None else f"the branch {name}"
            own = f"the model's branch {model.name}" if model.prefix else "a branch with commits"
            raise GitstoreError(
                f"{model.directory} has {actual} checked out, not {own}",
                f"git switch {model.name}" if model.prefix else "git switch BRANCH",
            )
        return cls(model, f"refs/heads/{name}", tip)

    @cached_property
    def settings_content(self) -> bytes:
        """The settings at the branch's head."""
        return read_committed_file(self.model.repository, self.tip, SETTINGS) or b""

    @cached_property
    def settings(self) -> Settings:
        """The settings at the branch's head. Raises `BadSettings`."""
        return settings.parse(self.settings_content)

    @property
    def code_directory(self) -> PurePosixPath:
        """Where the code is."""
        return PurePosixPath(self.settings.code)

    def find_entry(self, path: PurePosixPath, at: Oid | None = None) -> FileEntry | None:
        """Return what the branch's head, or another commit, has at a path; `None` for nothing."""
        repository = self.model.repository
        entry = find_entry(repository.objects, repository.commit(at or self.tip).tree, path)
        return (entry.mode, entry.oid) if entry is not None else None

    def check_clean(self, paths: Sequence[PurePosixPath]) -> None:
        """Raise `GitstoreError`, which names the first, for uncommitted changes at or below paths."""
        self._check_unlocked()
        changed = self._list_changed(paths)
        if changed:
            raise _uncommitted_error(changed)

    def add_commit(
        self,
        changes: Mapping[PurePosixPath, FileEntry | None],
        message: str,
        *,
        writer: ObjectWriter,
        merged: tuple[Oid, ...] = (),
        refs: Sequence[RefChange] = (),
    ) -> Oid:
        """Put a commit with changed paths on the branch; durable on return. `merged` are more parents.

        `refs` change with the branch, before it. Neither index nor files follow yet. Raises `RefChanged`
        if the branch has moved.
        """
        root = _edit_tree(writer, self.model.repository.commit(self.tip).tree, changes)
        identity = self.model.repository.identity()
        parents = (self.tip, *merged)
        oid = writer.add(Kind.COMMIT, commit.encode(root, parents, identity=identity, message=message))
        writer.finish()
        self.model.repository.refs.change([*refs, RefChange(self.ref, self.tip, oid)], message)
        return oid

    def check_out_commit(self, commit: Oid, refs: Sequence[RefChange] = ()) -> None:
        """Update index and files to a commit that `add_commit` made, with stock git.

        They start from the head as it was found. Git looks at every file before it changes one. If any was
        edited since `check_clean`, the branch goes back, and `refs` with it, and all is as before:
        `GitstoreError` names the file.
        """
        repository = self.model.repository
        with suppress(GitFailed):  # it exits with 1 for an edited file, which git names below
            repository.git("update-index", "-q", "--refresh")
        try:
            repository.git("read-tree", "-m", "-u", str(self.tip), str(commit))
        except GitFailed as error:
            edited = _EDITED.search(error.stderr)
            if edited is None:
                raise self._explain_lagging_files(error) from error
            changes = [*refs, RefChange(self.ref, self.tip, commit)]
            back = [RefChange(change.ref, change.new, change.old) for change in reversed(changes)]
            repository.refs.change(back, f"undone: {edited[1]} was edited meanwhile")
            raise GitstoreError(
                f"{edited[1]} was edited meanwhile",
                "nothing was changed; commit the edit or undo it, then run the same command again",
            ) from error

    def _explain_lagging_files(self, error: GitFailed) -> GitstoreError:
        """Make the error for files that could not be updated to the branch."""
        self._check_unlocked()
        return GitstoreError(
            f"the commit was made, but not all files of {self.model.directory} were updated: {error.message}",
            "fix that, then run the same command again",
        )

    def check_out_paths(self, paths: Sequence[PurePosixPath]) -> None:
        """Update index and files at and below paths to the branch's head, with stock git."""
        names = [str(path) for path in paths if self._is_known(path)]
        try:
            self.model.repository.git("restore", "--source=HEAD", "--staged", "--worktree", "--", *names)
        except GitFailed as error:
            raise self._explain_lagging_files(error) from error

    def complete_interrupted(self, paths: Sequence[PurePosixPath]) -> None:
        """Update files that an interrupted command did not update. Does nothing if there are none.

        Raises `GitstoreError`, which names the first, for a file that has been changed otherwise: to
        what neither the branch's head nor the commit before has.
        """
        self._check_unlocked()
        if self._list_changed(paths):
            foreign = sorted(path for changed in paths for path in self._find_foreign_files(changed))
            if foreign:
                raise _uncommitted_error([str(path) for path in foreign])
            self.check_out_paths(paths)

    def _is_known(self, path: PurePosixPath) -> bool:
        """Whether the head, or the commit before, has a path. Git accepts only such paths."""
        commits = (self._current_tip, *self.model.repository.commit(self._current_tip).parents[:1])
        return any(self.find_entry(path, at) is not None for at in commits)

    @property
    def _current_tip(self) -> Oid:
        return self.model.head or self.tip

    def _list_changed(self, paths: Sequence[PurePosixPath]) -> list[str]:
        """Return what git status lists at and below paths, untracked files included."""
        with copied_index(self.model.repository) as variables:
            files = list_uncommitted(self.model.repository, paths, variables=variables)
        return sorted(file.path for file in files)

    def _find_foreign_files(self, path: PurePosixPath) -> Iterator[PurePosixPath]:
        """Yield files on disk at or below a path that neither the head nor the commit before has like that.

        A file that is cut short is git's, killed while it was writing it.
        """
        objects = self.model.repository.objects
        tip = self.model.repository.commit(self.tip)
        new, *old = (self._list_committed_files(path, at) for at in (self.tip, *tip.parents[:1]))
        for file, content in self._list_files_on_disk(path).items():
            if content in (new.get(file), *(files.get(file) for files in old)):
                continue
            expected = (
                objects.read_as(Kind.BLOB, new[file][1], at_most=limits.IN_MEMORY) if file in new else b""
            )
            if not expected.startswith((self.model.directory / file).read_bytes()):
                yield file

    def _list_committed_files(self, path: PurePosixPath, at: Oid) -> dict[PurePosixPath, FileEntry]:
        """Return the files that a commit has at or below a path."""
        root = self.find_entry(path, at)
        if root is None or root[0] != tree.Mode.TREE:
            return {path: root} if root is not None else {}
        listed = stored.list_entries(self.model.repository.objects, root[1])
        return {path / inner: entry for inner, entry in listed.items()}

    def _list_files_on_disk(self, path: PurePosixPath) -> dict[PurePosixPath, FileEntry]:
        """Return the files on disk at or below a path, as git would commit them."""
        place = self.model.directory / path
        if place.is_file():
            return {path: (tree.Mode.FILE, Oid.of(Kind.BLOB, place.read_bytes()))}
        listed = list_code(self.model.repository, path) if place.is_dir() else {}
        return {path / inner: content for inner, content in listed.items()}

    def _check_unlocked(self) -> None:
        lock = self.model.repository.git_directory / "index.lock"
        if lock.exists():
            raise Locked(
                "the index is locked by another git process",
                f"if no git process is running, a crash left the lock: remove {lock}",
            )


def _edit_tree(
    writer: ObjectWriter, root: Oid | None, changes: Mapping[PurePosixPath, FileEntry | None]
) -> Oid:
    """Add a tree in which some paths changed, and return it. A path is removed if its change is `None`."""
    listed = read_tree(writer.database, root) if root is not None else []
    entries = {entry.name: entry for entry in listed}
    below: dict[bytes, dict[PurePosixPath, FileEntry | None]] = defaultdict(dict)
    for path, content in changes.items():
        name = os.fsencode(path.parts[0])
        if len(path.parts) > 1:
            below[name][PurePosixPath(*path.parts[1:])] = content
        elif content is None:
            entries.pop(name, None)
        else:
            entries[name] = TreeEntry(content[0], name, content[1])
    for name, inner in below.items():
        before = entries[name].oid if name in entries and entries[name].is_tree else None
        entries[name] = TreeEntry(tree.Mode.TREE, name, _edit_tree(writer, before, inner))
    return writer.add(Kind.TREE, tree.encode(entries.values()))


def _uncommitted_error(names: Sequence[str]) -> GitstoreError:
    have = "have" if len(names) > 1 else "has"
    if names[0] == SETTINGS:
        hint = f"git commit -m TEXT -- {SETTINGS} keeps them, git checkout HEAD -- {SETTINGS} discards them"
    else:
        hint = "git status shows them; git stash --include-untracked sets them aside"
    return GitstoreError(f"{list_some(names)} {have} changes that are not committed", hint)
