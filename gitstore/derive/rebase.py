"""Moving a derived model to another snapshot of its base: its code, and what it changed in the settings.

One commit on the model's branch does it. Its second parent is the new base's commit, so that ordinary
ancestry keeps the new base whatever becomes of its tag, as it keeps the old one. The model's states,
its snapshots and their refs stay as they are. What the base of a reference model needs is brought
from its repository first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import PurePosixPath

from gitstore import settings
from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.derive import base_check, base_repository, compatibility, first_commit, merge_settings
from gitstore.derive.base_repository import Reached
from gitstore.derive.compatibility import Misfit
from gitstore.derive.first_commit import check_there
from gitstore.derive.merge_settings import Conflict, Merged
from gitstore.diff.settings import KeyChange
from gitstore.disk import locks
from gitstore.disk.afterwards import only_warn
from gitstore.disk.permissions import set_writable
from gitstore.errors import GitstoreError
from gitstore.git import attributes
from gitstore.layout import TOP
from gitstore.models.model import LOCK, SETTINGS, Model, committed_file
from gitstore.models.reference import Elsewhere
from gitstore.models.snapshot import Snapshot
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import BasedOn
from gitstore.storage.share_packs import NOTHING_IMPORTED, ImportedBytes
from gitstore.text import list_some
from gitstore.workingcopy.branch import Branch
from gitstore.workingcopy.code import in_the_way


@dataclass(frozen=True)
class Rebased:
    """What a rebase did.

    `commit` is the new one; `None` if the model was based on the snapshot already. `misfits` are those
    that came with the new base; `changes` are keys of the settings that have its values now, `conflicts`
    those that the model had changed, too, and keeps. `other_packages` says that packages still differ.
    With `url`, the base is in another repository, and `brought` are bytes of packs that came from there.
    """

    model: Model
    base: Snapshot
    before: BasedOn
    commit: Oid | None
    misfits: tuple[Misfit, ...] = ()
    changes: tuple[KeyChange, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    other_packages: bool = False
    url: str | None = None
    brought: ImportedBytes = NOTHING_IMPORTED


class Incompatible(GitstoreError):
    """What the new base takes and gives is not what the model's settings promise."""

    def __init__(self, model: Model, base: Snapshot, *, misfits: tuple[Misfit, ...]) -> None:
        lines = (f"{misfit.path}: {base.full_name} {misfit.problem}" for misfit in misfits)
        super().__init__(
            "\n".join(lines), f"--force moves {model.name} all the same; then mend types in its {SETTINGS}"
        )
        self.misfits = misfits


def rebase(
    model: Model,
    source: Snapshot | Elsewhere,
    *,
    force: bool = False,
    fetched: Callable[[float], None] = lambda _: None,
) -> Rebased:
    """Move a derived model to another base: of its repository, or for a reference model of any other.

    Atomic: the model is moved, durably, when its branch is; if the files are interrupted after that, the
    same call again lets them follow. `fetched` hears how much has come from a URL, from 0 to 1. Raises
    `GitstoreError` for a model that has no base, for a base that depends on the model, and for
    uncommitted changes; unless `force` is set, for a snapshot of a model that is not the base's,
    `Incompatible` for types that no longer fit, and for changes to the code that were committed.
    """
    if base_check.base_of(model).url is None:
        base = base_check.in_same_repository(model, source)
        with model.repository.replacing_files():
            return _rebase(model, base, force=force)
    with (
        base_repository.reach(source, model.repository, fetched) as reached,
        model.repository.replacing_files(),
    ):
        return _rebase(model, reached.base, reached, force=force)


def _rebase(model: Model, base: Snapshot, reached: Reached | None = None, *, force: bool) -> Rebased:
    model = Model.open(model.directory)  # another command may have detached it, or moved it, meanwhile
    before = base_check.base_of(model)
    base_check.check(model, before, base, force=force)
    here, url = Branch.of(model), reached.url if reached is not None else None
    if here.code == TOP:
        raise GitstoreError(
            f"{model.name} has its code at the top of the repository, and a base's code cannot go there",
            f"move the code into a directory, name that in {SETTINGS}, and commit both",
        )
    if (before.commit, before.tag, before.url) == (str(base.commit), str(base.oid), url):
        _follow_again(here)
        if url is not None:
            base_repository.remember(model.repository, url)
        return Rebased(Model.open(model.directory), base, before, None, url=url)
    misfits = _misfits(here, before, base)
    if misfits and not force:
        raise Incompatible(model, base, misfits=misfits)
    if not force:
        _check_own_commits(here, before)
    merged = _merged(here, before, base)
    commit, brought = _commit_move(here, base, before=before, reached=reached, merged=merged)
    set_writable(model.directory / here.code, writable=False)
    model.repository.maintain()
    other_packages = base.settings.packages != settings.parse(merged.content).packages
    now, told = Model.open(model.directory), (misfits, merged.changes, merged.conflicts)
    return Rebased(now, base, before, commit, *told, other_packages, url, brought)


def _merged(here: Branch, before: BasedOn, base: Snapshot) -> Merged:
    """The model's settings, with what has changed in those of its base."""
    old = committed_file(here.model.repository, Oid.parse(before.commit), SETTINGS)
    own = here.settings_content
    new = base.settings_content
    return merge_settings.merge(own, old=old if old is not None else new, new=new)


def _misfits(here: Branch, before: BasedOn, base: Snapshot) -> tuple[Misfit, ...]:
    """The misfits that the old base did not have."""
    own = here.settings
    content = committed_file(here.model.repository, Oid.parse(before.commit), SETTINGS)
    known = (
        compatibility.find_misfits(own.types, settings.parse(content).types) if content is not None else []
    )
    found = compatibility.find_misfits(own.types, base.settings.types)
    return tuple(each for each in found if each not in known)


def _check_own_commits(here: Branch, before: BasedOn) -> None:
    if here.entry(here.code) != (Mode.TREE, here.model.base_code(before)):
        raise GitstoreError(
            f"{here.code}/ on the branch {here.model.name} is not that of {before.full_name}:"
            " a commit changed it",
            "gitstore detach makes it the model's own; --force gives it up, but for the branch's history",
        )


def _commit_move(
    here: Branch, base: Snapshot, *, before: BasedOn, reached: Reached | None, merged: Merged
) -> tuple[Oid, ImportedBytes]:
    """Make the commit, once nothing would be lost by it, and let the files follow.

    The base of a reference model is brought first, by the same write.
    """
    repository = here.model.repository
    packages = _lock_change(here, base, before=before, merged=merged)
    paths = [here.code, PurePosixPath(SETTINGS), *packages]
    here.check_clean(paths)
    _check_room(here, base)
    attributes.check_sizes(base.repository, base.code)
    based_on = first_commit.based_on(base, reached.url if reached is not None else None)
    content = settings.set_keys(merged.content, {"based_on": based_on})
    # A base of this repository must not be removed between the look and the commit.
    with nullcontext() if reached else locks.derivation(repository.private), repository.writer() as writer:
        check_there(base)
        brought = base_repository.bring(repository, reached) if reached is not None else NOTHING_IMPORTED
        changes: dict[PurePosixPath, FileEntry | None] = {
            here.code: (Mode.TREE, base.code),
            PurePosixPath(SETTINGS): (Mode.FILE, writer.add(Kind.BLOB, content)),
            **packages,
        }
        message = f"Rebase {here.model.name} on {base.full_name}"
        refs = base_repository.changes(repository, base) if reached is not None else []
        here.check_clean(paths)  # again: bringing the base may have taken long
        commit = here.add(changes, message, writer=writer, merged=(base.commit,), refs=refs)
        here.advance(commit, refs)
        if reached is not None:
            with only_warn(f"the remote {base_repository.REMOTE} does not lead to {reached.url}"):
                base_repository.remember(repository, reached.url)
    return commit, brought


def _lock_change(
    here: Branch, base: Snapshot, *, before: BasedOn, merged: Merged
) -> dict[PurePosixPath, FileEntry | None]:
    """The change of packages.lock: none where the model has one of its own, or asks for other packages."""
    path = PurePosixPath(LOCK)
    own, old = here.entry(path), here.entry(path, Oid.parse(before.commit))
    new = (int(Mode.FILE), base.lock) if base.lock is not None else None
    if own != old or own == new or base.settings.packages != settings.parse(merged.content).packages:
        return {}
    return {path: new}


def _check_room(here: Branch, base: Snapshot) -> None:
    """Raise `GitstoreError` for files that git ignores where the new code has files of its own."""
    objects, now = here.model.repository.objects, here.entry(here.code)
    old = stored.file_entries(objects, now[1]) if now is not None else {}
    directory = here.model.directory / here.code
    taken = in_the_way(directory, old, [file.path for file in base.code_files()])
    if taken:
        files = list_some(here.code / path for path in taken)
        are = "are" if len(taken) > 1 else "is"
        raise GitstoreError(
            f"{files} {are} in the way: {base.full_name} has a file there",
            "move it away",
        )


def _follow_again(here: Branch) -> None:
    here.resume([here.code, PurePosixPath(SETTINGS), PurePosixPath(LOCK)])
    set_writable(here.model.directory / here.code, writable=False)
