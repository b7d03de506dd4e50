"""Move a derived model to another snapshot of its base: take over its code, and its changes of the settings.

One commit on the model's branch does it. Its second parent is the new base's commit, so that git keeps
the new base, like the old one, even if its tag is removed. The model's states and snapshots do not
change. The base of a reference model is imported from its repository first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import PurePosixPath

from gitstore import settings
from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.derive import allowed_bases, base_repository, compatibility, first_commit, merge_settings
from gitstore.derive.base_repository import OpenedBase
from gitstore.derive.compatibility import Misfit
from gitstore.derive.first_commit import check_exists
from gitstore.derive.merge_settings import Conflict, Merged
from gitstore.diff.settings import KeyChange
from gitstore.disk import locks
from gitstore.disk.afterwards import only_warn
from gitstore.disk.permissions import set_writable
from gitstore.errors import GitstoreError
from gitstore.git import attributes
from gitstore.layout import TOP
from gitstore.models.base_url import keep_relative
from gitstore.models.model import LOCK, SETTINGS, Model, read_committed_file
from gitstore.models.reference import RemoteSnapshot
from gitstore.models.snapshot import Snapshot
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import BasedOn
from gitstore.storage.share_packs import NOTHING_IMPORTED, ImportedBytes
from gitstore.text import list_some
from gitstore.workingcopy.branch import Branch
from gitstore.workingcopy.code import find_blocking_files


@dataclass(frozen=True)
class Rebased:
    """What a rebase did.

    `commit` is the new commit, `None` if the model was based on the snapshot already. `misfits` are those
    that the old base did not have. `changes` are keys of the settings that took over the base's values,
    `conflicts` those that the model had changed as well, and keeps. `other_packages` says that the packages
    differ from the base's. With `url`, the base is in another repository, and `imported` are the bytes of
    packs that came from there.
    """

    model: Model
    base: Snapshot
    old_base: BasedOn
    commit: Oid | None
    misfits: tuple[Misfit, ...] = ()
    changes: tuple[KeyChange, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    other_packages: bool = False
    url: str | None = None
    imported: ImportedBytes = NOTHING_IMPORTED

    @property
    def based_on(self) -> BasedOn:
        """The new base, as the model's settings have it."""
        return first_commit.make_based_on(self.base, self.url)


class Incompatible(GitstoreError):
    """The types of the new base do not fit those that the model's settings promise."""

    def __init__(self, model: Model, base: Snapshot, *, misfits: tuple[Misfit, ...]) -> None:
        lines = (f"{misfit.path}: {base.full_name} {misfit.problem}" for misfit in misfits)
        super().__init__(
            "\n".join(lines), f"--force moves {model.name} anyway; then fix types in its {SETTINGS}"
        )
        self.misfits = misfits


def rebase(
    model: Model,
    source: Snapshot | RemoteSnapshot,
    *,
    force: bool = False,
    fetched: Callable[[float], None] = lambda _: None,
) -> Rebased:
    """Move a derived model to another base, which for a reference model may be in any repository.

    Atomic: the model is moved, durably, when its branch is updated. If the update of the files is
    interrupted after that, the same call finishes it. `fetched` is called with the fraction that has
    arrived from a URL, from 0 to 1. Raises `GitstoreError` for a model that has no base, for a base that
    depends on the model, and for uncommitted changes. Unless `force` is set, also raises `GitstoreError`
    for a snapshot of another model than the old base's and for committed changes to the code, and
    `Incompatible` for types that no longer fit.
    """
    old_base = allowed_bases.require_base(model)
    if old_base.url is None:
        base = allowed_bases.require_same_repository(model, source)
        with model.repository.replacing_files():
            return _rebase(model, base, force=force)
    with (
        base_repository.open_base(source, model.repository, fetched) as opened,
        model.repository.replacing_files(),
    ):
        opened = opened._replace(url=keep_relative(model.repository, old_base, opened.url))
        return _rebase(model, opened.base, opened, force=force)


def _rebase(model: Model, base: Snapshot, opened: OpenedBase | None = None, *, force: bool) -> Rebased:
    model = Model.open(model.directory)  # another command may have detached it, or moved it, meanwhile
    old_base = allowed_bases.require_base(model)
    allowed_bases.check_base(model, base, old_base=old_base, force=force)
    branch, url = Branch.open(model), opened.url if opened is not None else None
    if branch.code_directory == TOP:
        raise GitstoreError(
            f"{model.name} has its code at the top of the repository, where the code of a base cannot be",
            f"move the code into a directory, set code in {SETTINGS} to that directory, and commit both",
        )
    if (old_base.commit, old_base.tag, old_base.url) == (str(base.commit), str(base.tag_oid), url):
        _resume_files(branch)
        if url is not None:
            base_repository.set_remote(model.repository, url)
        return Rebased(Model.open(model.directory), base, old_base, None, url=url)
    misfits = _find_new_misfits(branch, old_base, base)
    if misfits and not force:
        raise Incompatible(model, base, misfits=misfits)
    if not force:
        _check_own_commits(branch, old_base)
    merged = _merge_settings(branch, old_base, base)
    commit, imported = _commit_move(branch, base, old_base=old_base, opened=opened, merged=merged)
    set_writable(model.directory / branch.code_directory, writable=False)
    model.repository.maintain()
    other_packages = base.settings.packages != settings.parse(merged.content).packages
    return Rebased(
        Model.open(model.directory),
        base,
        old_base,
        commit,
        misfits=misfits,
        changes=merged.changes,
        conflicts=merged.conflicts,
        other_packages=other_packages,
        url=url,
        imported=imported,
    )


def _merge_settings(branch: Branch, old_base: BasedOn, base: Snapshot) -> Merged:
    """Return the model's settings, with the changes between those of the old and of the new base."""
    old = read_committed_file(branch.model.repository, Oid.parse(old_base.commit), SETTINGS)
    own = branch.settings_content
    new = base.settings_content
    return merge_settings.merge(own, old=old if old is not None else new, new=new)


def _find_new_misfits(branch: Branch, old_base: BasedOn, base: Snapshot) -> tuple[Misfit, ...]:
    """Return the misfits that the old base did not have."""
    own = branch.settings
    content = read_committed_file(branch.model.repository, Oid.parse(old_base.commit), SETTINGS)
    old = compatibility.find_misfits(own.types, settings.parse(content).types) if content is not None else []
    new = compatibility.find_misfits(own.types, base.settings.types)
    return tuple(misfit for misfit in new if misfit not in old)


def _check_own_commits(branch: Branch, old_base: BasedOn) -> None:
    if branch.find_entry(branch.code_directory) != (Mode.TREE, branch.model.find_base_code(old_base)):
        raise GitstoreError(
            f"{branch.code_directory}/ on the branch {branch.model.name} is not that of {old_base.full_name}:"
            " a commit changed it",
            "gitstore detach makes it the model's own; --force leaves it only in the branch's history",
        )


def _commit_move(
    branch: Branch, base: Snapshot, *, old_base: BasedOn, opened: OpenedBase | None, merged: Merged
) -> tuple[Oid, ImportedBytes]:
    """Commit the move, unless that would lose files, and update the files on disk.

    The base of a reference model is imported by the same write.
    """
    repository = branch.model.repository
    packages = _lock_change(branch, base, old_base=old_base, merged=merged)
    paths = [branch.code_directory, PurePosixPath(SETTINGS), *packages]
    branch.check_clean(paths)
    _check_untracked(branch, base)
    code_entries = stored.list_entries(base.repository.objects, base.code_tree)
    attributes.check_sizes(base.repository, base.code_tree, code_entries)
    based_on = first_commit.make_based_on(base, opened.url if opened is not None else None)
    content = settings.set_keys(merged.content, {"based_on": based_on})
    # A base of this repository must not be removed between the check and the commit.
    with nullcontext() if opened else locks.derivation(repository.private), repository.writer() as writer:
        check_exists(base)
        imported = base_repository.import_base(repository, opened) if opened is not None else NOTHING_IMPORTED
        changes: dict[PurePosixPath, FileEntry | None] = {
            branch.code_directory: (Mode.TREE, base.code_tree),
            PurePosixPath(SETTINGS): (Mode.FILE, writer.add(Kind.BLOB, content)),
            **packages,
        }
        message = f"Rebase {branch.model.name} on {base.full_name}"
        refs = base_repository.ref_changes(repository, base) if opened is not None else []
        branch.check_clean(paths)  # again: importing the base may have taken long
        commit = branch.add_commit(changes, message, writer=writer, merged=(base.commit,), refs=refs)
        branch.check_out_commit(commit, refs)
        if opened is not None:
            with only_warn(f"the remote {base_repository.REMOTE} does not point to {opened.url}"):
                base_repository.set_remote(repository, opened.url)
    return commit, imported


def _lock_change(
    branch: Branch, base: Snapshot, *, old_base: BasedOn, merged: Merged
) -> dict[PurePosixPath, FileEntry | None]:
    """Return the change of packages.lock: none if the model has its own, or its packages differ."""
    path = PurePosixPath(LOCK)
    own, old = branch.find_entry(path), branch.find_entry(path, Oid.parse(old_base.commit))
    new = (int(Mode.FILE), base.lock_blob) if base.lock_blob is not None else None
    if own != old or own == new or base.settings.packages != settings.parse(merged.content).packages:
        return {}
    return {path: new}


def _check_untracked(branch: Branch, base: Snapshot) -> None:
    """Raise `GitstoreError` for files that git ignores where the new code has files of its own."""
    objects, code = branch.model.repository.objects, branch.find_entry(branch.code_directory)
    old = stored.list_entries(objects, code[1]) if code is not None else {}
    directory = branch.model.directory / branch.code_directory
    untracked = find_blocking_files(directory, old, [file.path for file in base.list_code_files()])
    if untracked:
        files = list_some(branch.code_directory / path for path in untracked)
        are = "are" if len(untracked) > 1 else "is"
        raise GitstoreError(
            f"{files} {are} in the way: {base.full_name} has a file there",
            "move it away",
        )


def _resume_files(branch: Branch) -> None:
    branch.complete_interrupted([branch.code_directory, PurePosixPath(SETTINGS), PurePosixPath(LOCK)])
    set_writable(branch.model.directory / branch.code_directory, writable=False)
