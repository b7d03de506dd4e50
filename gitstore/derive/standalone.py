"""Derived models in a repository of their own: the reference form.

The repository begins at the base's commit. It has everything that the base needs, and nothing else of the
base's repository, which is never needed again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.derive import base_repository, first_commit, first_state
from gitstore.derive.first_state import COPIED, Content, FirstState
from gitstore.derive.worktree import OTHER_DIRECTORY, Derived, notify_derived
from gitstore.disk.afterwards import only_warn
from gitstore.disk.construction import check_free, construction
from gitstore.disk.permissions import set_writable
from gitstore.errors import Corrupt
from gitstore.git import attributes, checkout, config
from gitstore.git import process as git
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.models.model import CODE, FIRST_STATE, STATES, Model, check_name
from gitstore.models.reference import RemoteSnapshot
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid
from gitstore.packs.writer import Written
from gitstore.progress import Progress
from gitstore.records import trainings


def derive(
    source: Snapshot | RemoteSnapshot,
    name: str,
    directory: Path,
    *,
    state: FirstState = COPIED,
    fetched: Callable[[float], None] = lambda _: None,
    expect: Progress = lambda _: None,
    progress: Progress = lambda _: None,
) -> Derived:
    """Make a model called `name`, based on a snapshot of any repository, in a new one at `directory`.

    The directory appears whole and durable, or not at all. `fetched` is called with the fraction
    that has arrived from a URL, from 0 to 1, `expect` with the bytes of the state, and `progress` with those
    that are stored.
    Raises `GitstoreError` if the directory exists, and like `base_repository.open_base`.
    """
    check_name(name, "model")
    target = directory.absolute()
    check_free(target, OTHER_DIRECTORY)
    config.read_identity(git.nearest_directory(target.parent))
    with construction(target) as hidden:
        repository = Repository.create(hidden)
        with base_repository.open_base(source, repository, fetched) as opened:
            imported = base_repository.import_base(repository, opened)
        base = _read_base(repository, opened.base)
        with state.prepare(base, expect) as content:
            pack = _write(repository, base, name, url=opened.url, content=content, progress=progress)
            if isinstance(content, Oid):
                with only_warn("the record of the state's training was not copied"):
                    trainings.copy_records(opened.base.repository, repository, content)
        base_repository.set_remote(repository, opened.url, is_new=True)
        _check_out(repository)
    model = Model.open(target)
    model.repository.maintain()
    derived = Derived(model, _read_base(model.repository, base), pack, opened.url, imported)
    notify_derived(derived)
    return derived


def _write(
    repository: Repository, base: Snapshot, name: str, *, url: str, content: Content, progress: Progress
) -> Written | None:
    """Write the branch's first commit and the state, and the refs."""
    with repository.writer() as writer:
        head = first_commit.add_first_commit(base, name, writer, identity=repository.identity(), url=url)
        saved = first_state.add_first_state(
            content, writer, repository=repository, model_name=name, progress=progress
        )
        pack = writer.finish()
        ref = f"refs/states/{FIRST_STATE}"
        changes = [RefChange(f"refs/heads/{repository.head()}", None, head)]
        changes += base_repository.ref_changes(repository, base)
        if saved is not None:
            changes.append(RefChange(ref, None, saved))
        repository.refs.change(changes, f"derive {name}")
    return pack


def _read_base(repository: Repository, base: Snapshot) -> Snapshot:
    """Return the base as the repository has it that it was imported into. Raises `Corrupt`."""
    imported = snapshot.read(repository, base.ref, base.tag_oid)
    if imported is None:
        raise Corrupt(f"{base.ref} is not a snapshot after it was imported")
    return imported


def _check_out(repository: Repository) -> None:
    """Check out the branch, and make its code read-only. Raises `GitstoreError` if files are missing then."""
    head = repository.refs.get("HEAD")
    entries: dict[PurePosixPath, FileEntry] = {}
    if head is not None:
        tree = repository.commit(head).tree
        entries = stored.list_entries(repository.objects, tree)
        attributes.check_sizes(repository, tree, entries)
    repository.git("reset", "--quiet", "--hard")
    checkout.check_complete(repository, entries, repository.directory)
    set_writable(repository.directory / CODE, writable=False)
    (repository.directory / STATES / FIRST_STATE).mkdir(parents=True)
