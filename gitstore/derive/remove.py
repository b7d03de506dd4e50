"""Removing a derived model whole: its snapshots, states and branch, its working copy, and what git has of it.

Its working copy goes out of sight first, and comes back if the refs cannot go. So there is no instant at
which git knows a working copy whose branch is gone. The refs go at one instant: then the model is gone. Where
a kill came before that, the same call again removes the rest; hidden directories go with the next derive.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gitstore.disk import locks
from gitstore.disk.afterwards import only_warn
from gitstore.disk.exchange import absence
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.git import new_worktree, worktrees
from gitstore.git.process import GitFailed
from gitstore.git.refs import RefChange, RefListing
from gitstore.git.repository import Repository
from gitstore.git.worktrees import Administration
from gitstore.models import active_state, dependents, snapshot, state
from gitstore.models.dependents import Dependents
from gitstore.models.model import STATES, Model, check_name, is_derived
from gitstore.models.snapshot import Snapshot, UnreadableSnapshots
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.snapshots.remove import Depended, intention
from gitstore.storage import usage
from gitstore.storage.reachability import find_held
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.unsaved import Holdings, WouldLose


@dataclass(frozen=True)
class ModelRemoval:
    """What removing a derived model would do.

    `exclusive` counts the bytes that it holds alone. `lost` are files of its working copy that it has
    nowhere else, by their paths there: unsaved states, uncommitted edits, ignored files.
    """

    repository: Repository
    name: str
    refs: dict[str, Oid]
    snapshots: tuple[Snapshot, ...]
    states: tuple[str, ...]
    exclusive: int
    lost: tuple[PurePosixPath, ...]
    dependents: Dependents
    administration: Administration | None

    @property
    def directory(self) -> Path | None:
        """Its working copy, if that is there."""
        where = self.administration.directory if self.administration is not None else None
        return where if where is not None and where.is_dir() else None


def examine(here: Model, name: str, progress: Progress = lambda _: None) -> ModelRemoval:
    """Find out what removing a derived model of a repository would free and lose. Reads states on disk.

    Raises `GitstoreError` if there is no such model, or if its working copy cannot go.
    """
    check_name(name, "model")
    repository = here.repository
    spaces = (f"refs/tags/{name}/", f"refs/states/{name}/")
    refs = {ref: oid for ref, oid in repository.refs.all() if ref.startswith(spaces)}
    tip, is_model = repository.refs.get(f"refs/heads/{name}"), is_derived(repository, name)
    if tip is not None and is_model:
        refs[f"refs/heads/{name}"] = tip
    administration = _administration(here, name, is_model=is_model)
    if not refs and administration is None:
        raise GitstoreError(
            f"there is no derived model {name}", "gitstore models lists the models of the repository"
        )
    snapshots = _snapshots(repository, refs)
    others = find_held(repository, without=set(refs))
    based = dependents.of(repository, {each.commit for each in snapshots})
    return ModelRemoval(
        repository,
        name,
        refs,
        snapshots,
        states=tuple(ref.removeprefix(spaces[1]) for ref in refs if ref.startswith(spaces[1])),
        exclusive=sum(usage.measure_exclusive(repository, set(refs), others).values()),
        lost=tuple(_losses(administration, progress)),
        dependents=Dependents(
            tuple(each for each in based.models if each != name),
            tuple(each for each in based.snapshots if not each.startswith(f"{name}@")),
        ),
        administration=administration,
    )


def check(removal: ModelRemoval) -> None:
    """Raise `WouldLose` for files that are only in the working copy, `Depended` for models based on it."""
    if removal.lost:
        raise WouldLose(f"removing the model {removal.name}", removal.lost, f"look into {removal.directory}")
    models = removal.dependents.models
    if models:
        based = f"{'is' if len(models) == 1 else 'are'} based on"
        raise Depended(
            f"{', '.join(models)} {based} snapshots of {removal.name}",
            "--force removes it all the same: derived models keep what they need by their history",
        )
    locked = removal.administration.locked if removal.administration is not None else None
    if locked is not None:
        raise GitstoreError(
            f"git has locked {removal.directory}: {locked}", "git worktree unlock, or --force"
        )


def remove(removal: ModelRemoval, *, ask_hook: bool = True) -> None:
    """Remove the model: the refs all or none, and the working copy. The disk gets free with the next gc.

    The hook pre-rm is asked of each snapshot first, unless `ask_hook` is false. Raises `HookRefused`,
    `Locked`, and `RefChanged` if a ref was changed meanwhile; nothing is removed then.
    """
    for each in removal.snapshots if ask_hook else ():
        dispatch.call_pre_hook(removal.repository, intention(each, removal.snapshots))
    repository = removal.repository
    with locks.derivation(repository.private), repository.writing(), _working_copy(removal):
        changes = [RefChange(ref, oid, None) for ref, oid in removal.refs.items()]
        with _out_of_sight(removal):
            if changes:
                repository.refs.change(changes, f"remove model {removal.name}")
        with only_warn(f"{repository.local_config.path} still says which state of {removal.name} is active"):
            active_state.forget(repository, f"{removal.name}/")
        with suppress(GitFailed):  # there is no such section, as a rule
            repository.git("config", "--local", "--remove-section", f"branch.{removal.name}")


def _snapshots(repository: Repository, refs: dict[str, Oid]) -> tuple[Snapshot, ...]:
    tags = {ref: oid for ref, oid in refs.items() if ref.startswith("refs/tags/")}
    try:
        return tuple(snapshot.among(repository, RefListing(tags, ())))
    except UnreadableSnapshots as error:
        return tuple(error.others)  # the tags of the others go, too


def _administration(here: Model, name: str, *, is_model: bool) -> Administration | None:
    """What git has of the working copy that is on the model's branch."""
    repository = here.repository
    for each in worktrees.list_administrations(repository.common):
        if each.branch == name and (is_model or repository.refs.get(f"refs/heads/{name}") is None):
            if each.directory is not None and each.directory == repository.directory.resolve():
                raise GitstoreError(
                    f"{each.directory} is the working copy of {name} itself",
                    f"leave it, and run gitstore -C DIR models rm {name}, where DIR is another model's",
                )
            return each
    if is_model and any(each.branch == name for each in repository.worktrees()):
        raise GitstoreError(
            f"the repository's own working copy is on the branch {name}", "git switch another branch there"
        )
    return None


def _losses(administration: Administration | None, progress: Progress) -> Iterator[PurePosixPath]:
    """The files of a working copy that the model does not hold."""
    directory = administration.directory if administration is not None else None
    if directory is None or not (directory / ".git").exists():
        return
    if Repository.discover(directory).refs.get("HEAD") is None:
        return  # its branch is gone: an earlier call was killed as it removed the rest
    model = Model.open(directory)
    holdings = Holdings(model)
    on_disk = [each.name for each in (directory / STATES).iterdir()] if (directory / STATES).is_dir() else []
    for name in sorted(on_disk):
        found = working_state.read(model, name, progress) if state.has_files(model, name) else None
        yield from found.losses(holdings) if found is not None else ()
    listed = model.repository.git(
        "--no-optional-locks", "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all",
        "--ignored=traditional",
    )  # fmt: skip
    for line in os.fsdecode(listed).split("\0")[:-1]:
        if not line[3:].startswith(f"{STATES}/"):
            yield PurePosixPath(line[3:])


@contextmanager
def _working_copy(removal: ModelRemoval) -> Iterator[None]:
    """Hold the model's working copy alone, if it is there."""
    with ExitStack() as stack:
        if removal.directory is not None and removal.administration is not None:
            stack.enter_context(locks.working_copy(removal.administration.path))
        yield


@contextmanager
def _out_of_sight(removal: ModelRemoval) -> Iterator[None]:
    """Hide the working copy and what git has of it. Both are deleted at the end, or back if the block fails.

    What cannot be hidden stays, with a warning.
    """
    where, administration = removal.directory, removal.administration
    with ExitStack() as directory, ExitStack() as knowledge:
        if where is not None:
            with only_warn(f"{where} stays"):
                directory.enter_context(absence(where))
        if administration is not None and administration.path.exists():
            with only_warn(f"{administration.path} stays"):
                knowledge.enter_context(new_worktree.forgotten(removal.repository, administration.path))
        yield
        with only_warn(f"what git had of the working copy of {removal.name} stays"):
            knowledge.close()
        with only_warn(f"a part of {where} stays beside its place"):
            directory.close()
