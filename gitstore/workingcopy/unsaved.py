"""What git holds of a model, and what in its working copy may be overwritten without loss.

The branch head, the model's snapshots and its saved states hold it. The index does not count, nor
objects that nothing names: git forgets both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.errors import GitstoreError
from gitstore.models import snapshot
from gitstore.models.model import LOCK, Model, read_committed_file
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Kind, Oid
from gitstore.text import counted, list_some

_SHOWN = 5
"""Names in a message; the others are counted."""


class WouldLose(GitstoreError):
    """Files would be lost that git holds nowhere. `paths` has all of them, from the working copy's top."""

    def __init__(self, doing: str, paths: Sequence[PurePosixPath], *, hint: str) -> None:
        files = counted(len(paths), "file that is", "files that are")
        names = list_some(paths, most=_SHOWN)
        super().__init__(
            f"{doing} would lose {files} neither committed nor saved: {names}",
            f"{hint}; --force discards it",
        )
        self.paths = tuple(paths)

    def details(self) -> dict[str, Any]:
        return {"paths": [str(path) for path in self.paths]}


class Holdings:
    """What a model's refs hold. It is read when it is first needed."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._objects = model.repository.objects

    @cached_property
    def _snapshots(self) -> list[Snapshot]:
        # Unreadable snapshots cannot be relied on.
        return snapshot.keep_readable(lambda: snapshot.read_own_snapshots(self._model))

    @cached_property
    def _states(self) -> set[Oid]:
        space = self._model.state_ref("")
        saved = self._model.repository.refs.list_below(space).directly_in(space)  # deeper: derived models'
        return {
            *(self._model.repository.commit(oid).tree for oid in saved.refs.values()),
            *(snapshot.state_tree for snapshot in self._snapshots),
        }

    def find_unheld_state(self, tree: Oid, files: dict[PurePosixPath, Oid]) -> dict[PurePosixPath, Oid]:
        """Those files of a state that no saved state and no snapshot has; none if one is this very `tree`."""
        unheld = dict(files) if tree not in self._states else {}
        for held in self._states:
            if not unheld:
                break
            for file in stored.list_files(self._objects, held, joined=True):
                if unheld.get(file.path) == file.entry:
                    del unheld[file.path]
        return unheld

    def find_unheld_code(
        self, files: dict[PurePosixPath, FileEntry], at: PurePosixPath
    ) -> dict[PurePosixPath, FileEntry]:
        """Those files of the code directory `at` that neither the branch head nor a snapshot has there."""
        unheld = dict(files)
        for tree in self._list_code_trees(at):
            if not unheld:
                break
            held = stored.list_entries(self._objects, tree)
            unheld = {path: entry for path, entry in unheld.items() if held.get(path) != entry}
        return unheld

    def _list_code_trees(self, at: PurePosixPath) -> list[Oid]:
        """Return the code trees of the branch head and of the snapshots, the likeliest first."""
        committed = self._model.find_committed_code(at)
        trees = [committed] if committed is not None else []
        return list(dict.fromkeys([*trees, *(snapshot.code_tree for snapshot in reversed(self._snapshots))]))

    def has_top_file(self, name: str, content: bytes) -> bool:
        """Whether the branch head or a snapshot has this settings.yaml, or this packages.lock."""
        head = self._model.head
        if head is not None and read_committed_file(self._model.repository, head, name) == content:
            return True
        oid = Oid.of(Kind.BLOB, content)
        return any(
            oid == (snapshot.lock_blob if name == LOCK else snapshot.settings_blob)
            for snapshot in self._snapshots
        )
