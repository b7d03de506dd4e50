"""Exporting as plain files: a snapshot's code/, state/ and settings.yaml, or a state; large files joined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath

from gitstore.bigfiles import extract, stored
from gitstore.bigfiles.stored import StoredFile
from gitstore.disk import directories
from gitstore.disk.construction import check_free, construction
from gitstore.models import state
from gitstore.models.model import CODE, LOCK, SETTINGS, Model, check_name
from gitstore.models.snapshot import STATE, Snapshot
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Oid
from gitstore.progress import Progress

_HIDDEN = "export"


def files(snapshot: Snapshot) -> list[StoredFile]:
    """All files of a snapshot, at the paths they have in an export."""
    single: dict[str, Oid | None] = {SETTINGS: snapshot.settings_blob, LOCK: snapshot.lock}
    top = [StoredFile(PurePosixPath(name), Mode.FILE, oid, (oid,)) for name, oid in single.items() if oid]
    code = [file._replace(path=CODE / file.path) for file in snapshot.code_files()]
    state = [file._replace(path=STATE / file.path) for file in snapshot.state_files()]
    return [*top, *code, *state]


def size(snapshot: Snapshot) -> int:
    """The bytes of all files of a snapshot: what an export takes."""
    return sum(file.size(snapshot.repository.objects) for file in files(snapshot))


def export(snapshot: Snapshot, target: Path, *, progress: Progress = lambda _: None) -> int:
    """Write a snapshot's files into `target`, which is new or empty. Returns their bytes.

    Every object is checked against its id on the way. A new `target` is there whole or not at all. An
    empty one stays empty until all files are written; then they move in, settings.yaml last.
    Raises `GitstoreError` if it holds something already, `Corrupt` for an object that is not right.
    """
    snapshot.check_tag()
    _check_free(target)
    found = files(snapshot)
    with _place(target) as directory:
        for name in (CODE, STATE):
            (directory / name).mkdir()
        extract.extract(snapshot.repository.objects, found, directory, progress=progress)
    return sum(file.size(snapshot.repository.objects) for file in found)


def export_state(model: Model, name: str, target: Path, *, progress: Progress = lambda _: None) -> int:
    """Write the files of a state, as it is saved, into `target`, with the promises of `export`.

    Raises `NoSuchState` if it is not saved.
    """
    check_name(name, "state")
    tree = state.saved_tree(model, name)
    if tree is None:
        raise state.not_saved(model, name)
    _check_free(target)
    objects = model.repository.objects
    found = list(stored.files(objects, tree, joined=True))
    with _place(target) as directory:
        extract.extract(objects, found, directory, progress=progress)
    return sum(file.size(objects) for file in found)


def _check_free(target: Path) -> None:
    """Raise `GitstoreError` unless a directory is new, or empty but for what a killed export left."""
    directories.sweep(target, _HIDDEN)
    check_free(target, "export into a new directory")


def _place(target: Path) -> AbstractContextManager[Path]:
    """A directory whose content is `target` at the end."""
    return _filled(target) if target.exists() else construction(target, durable=False)


@contextmanager
def _filled(target: Path) -> Iterator[Path]:
    """A directory whose content goes to `target` at the end: a shell may stand in that, so it stays."""
    with directories.hidden(target, _HIDDEN) as directory:
        yield directory
        for path in sorted(directory.iterdir(), key=lambda path: path.name == SETTINGS):
            path.rename(target / path.name)
