"""What a snapshot taken now would hold, as files, so that it can be run before the snapshot is taken.

The working copy itself is no test of that: files outside the code directory and ignored ones are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gitstore import settings
from gitstore.bigfiles import extract
from gitstore.bigfiles.stored import FileEntry, StoredFile
from gitstore.git.repository import Repository
from gitstore.models import state
from gitstore.models.model import LOCK, Model
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Oid
from gitstore.settings import Settings
from gitstore.staging import stage
from gitstore.workingcopy import capture_code
from gitstore.workingcopy import state as working_state


@dataclass(frozen=True)
class Identity:
    """The contents of a snapshot: the trees of code and state, and the two files beside them."""

    code: Oid
    state: Oid | None
    settings: bytes
    lock: bytes | None


@dataclass(frozen=True)
class Candidate:
    """The contents of a snapshot that is not taken yet.

    `code` is a directory of ours. `state` is the state's directory; `None` if it is only saved, or not
    there at all.
    """

    repository: Repository
    identity: Identity
    settings: Settings
    code: Path
    state: Path | None


Check = Callable[[Candidate], object]
"""Tries a candidate; raises `GitstoreError` if no snapshot of it is to be taken."""


@contextmanager
def candidate(model: Model, name: str) -> Iterator[Candidate]:
    """Prepare what a snapshot with the state `name` would hold. It is deleted when the block ends.

    Raises `GitstoreError` for code that a snapshot cannot hold, and `BadSettings`.
    """
    content, lock = model.read_settings_content(), model.read_top_file(LOCK)
    parsed = settings.parse(content)
    on_disk = working_state.read(model, name)
    tree = on_disk.tree if on_disk is not None else state.find_saved_tree(model, name)
    repository = model.repository
    with repository.writing(), stage.quarantine(repository) as (objects, _):
        with ObjectWriter(repository.objects, objects / "pack") as writer:
            staged = capture_code.add_code(model, parsed, writer)
            writer.finish()
        code = objects.with_name("code")
        _write_out(repository, ObjectDatabase(objects), files=staged.files, target=code)
        identity = Identity(staged.tree, tree, content, lock)
        path = on_disk.path if on_disk is not None else None
        yield Candidate(repository, identity, parsed, code, path)


def _write_out(
    repository: Repository,
    quarantine: ObjectDatabase,
    *,
    files: dict[PurePosixPath, FileEntry],
    target: Path,
) -> None:
    """Write files of code. Some of their objects may only be in a quarantine."""
    target.mkdir()
    stored = [StoredFile.whole(path, mode, blob=oid) for path, (mode, oid) in files.items()]
    for database, is_new in ((repository.objects, False), (quarantine, True)):
        extract.extract_files(
            database, [file for file in stored if (file.entry not in repository.objects) is is_new], target
        )
