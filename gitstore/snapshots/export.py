"""Exporting plain files: of a snapshot code/, state/, settings.yaml and packages.lock, or a saved state.

The parts of large files are joined.
"""

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
from gitstore.models.shape import STATE
from gitstore.models.snapshot import Snapshot
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Oid
from gitstore.progress import Progress

_HIDDEN = "export"


def list_files(snapshot: Snapshot) -> list[StoredFile]:
    """List all files of a snapshot, at the paths that they have in an export."""
    single: dict[str, Oid | None] = {SETTINGS: snapshot.settings_blob, LOCK: snapshot.lock_blob}
    top = [StoredFile.whole(PurePosixPath(name), Mode.FILE, blob=oid) for name, oid in single.items() if oid]
    code = [file._replace(path=CODE / file.path) for file in snapshot.list_code_files()]
    state = [file._replace(path=STATE / file.path) for file in snapshot.list_state_files()]
    return [*top, *code, *state]


def measure_files(snapshot: Snapshot) -> int:
    """Return how many bytes all files of a snapshot have, which is what an export takes.

    What a partial clone lacks of them is fetched.
    """
    files, objects = list_files(snapshot), snapshot.repository.objects
    objects.provide(part.oid for file in files for part in file.parts)
    return sum(file.size(objects) for file in files)


def export(snapshot: Snapshot, target: Path, *, progress: Progress = lambda _: None) -> int:
    """Write a snapshot's files into `target`, a new or empty directory. Returns how many bytes they have.

    Each object is checked against its id. A new `target` appears whole or not at all. An empty one stays
    empty until all files are written; then they move in, settings.yaml last. Nothing is durable.
    `progress` is called with bytes written.

    Raises `GitstoreError` if `target` is not empty, and `Corrupt` for a damaged object.
    """
    snapshot.check_tag()
    _check_free(target)
    files = list_files(snapshot)
    with _open_target(target) as directory:
        for name in (CODE, STATE):
            (directory / name).mkdir()
        extract.extract_files(snapshot.repository.objects, files, directory, progress=progress)
    return sum(file.size(snapshot.repository.objects) for file in files)


def export_state(model: Model, name: str, target: Path, *, progress: Progress = lambda _: None) -> int:
    """Write the files of a saved state into `target`, with the promises of `export`.

    Raises `NoSuchState` if the state is not saved.
    """
    check_name(name, "state")
    tree = state.find_saved_tree(model, name)
    if tree is None:
        raise state.not_saved_error(model, name)
    _check_free(target)
    objects = model.repository.objects
    files = list(stored.list_files(objects, tree, joined=True))
    with _open_target(target) as directory:
        extract.extract_files(objects, files, directory, progress=progress)
    return sum(file.size(objects) for file in files)


def _check_free(target: Path) -> None:
    """Raise `GitstoreError` unless a directory is new or empty. What a killed export left is removed."""
    directories.sweep(target, _HIDDEN)
    check_free(target, "export into a new directory")


def _open_target(target: Path) -> AbstractContextManager[Path]:
    """Yield a hidden directory whose content becomes that of `target` if the block succeeds."""
    return _fill(target) if target.exists() else construction(target, durable=False)


@contextmanager
def _fill(target: Path) -> Iterator[Path]:
    """Yield a hidden directory, and move its content into `target` if the block succeeds.

    `target` itself stays, because it may be the current directory of a shell.
    """
    with directories.hidden(target, _HIDDEN) as directory:
        yield directory
        for path in sorted(directory.iterdir(), key=lambda path: path.name == SETTINGS):
            path.rename(target / path.name)
