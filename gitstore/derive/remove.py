"""Removing a derived model: its refs, its working copy, and git's administration of that.

The working copy is hidden first, and comes back if the refs cannot be deleted. So git never knows a working
copy whose branch is gone. The refs are deleted at one instant, and with them the model. After a kill before
that, the same call removes the rest. Hidden directories are deleted when a model is derived there again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gitstore.disk import locks
from gitstore.disk.afterwards import only_warn
from gitstore.disk.exchange import absence
from gitstore.errors import GitstoreError
from gitstore.events import dispatch, journal
from gitstore.git import new_worktree, worktrees
from gitstore.git.process import GitFailed
from gitstore.git.refs import RefChange, RefListing
from gitstore.git.repository import Repository
from gitstore.git.worktrees import Administration
from gitstore.models import active_state, dependents, snapshot, state
from gitstore.models.dependents import Dependents
from gitstore.models.model import STATES, Model, check_name, has_derived_model
from gitstore.models.snapshot import Snapshot, UnreadableSnapshots
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.snapshots.remove import HasDependents, build_pre_rm
from gitstore.storage import usage
from gitstore.storage.reachability import find_held
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.uncommitted import list_uncommitted
from gitstore.workingcopy.unsaved import Holdings, WouldLose


@dataclass(frozen=True)
class ModelRemoval:
    """What removing a derived model would do.

    `exclusive` are the bytes that only this model holds. `lost` are files that are only in its working
    copy, by their paths there: unsaved states, uncommitted edits, ignored files.
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
        """The model's working copy, `None` if it does not exist."""
        directory = self.administration.directory if self.administration is not None else None
        return directory if directory is not None and directory.is_dir() else None


def plan_removal(current: Model, name: str, progress: Progress = lambda _: None) -> ModelRemoval:
    """Find out what removing a derived model would free and lose. `current` is a model of its repository.

    `progress` is called with bytes of states that are read. Raises `GitstoreError` if there is no such model,
    or if its working copy cannot be removed.
    """
    check_name(name, "model")
    repository = current.repository
    namespaces = (f"refs/tags/{name}/", f"refs/states/{name}/", f"refs/aliases/{name}/")
    refs = {ref: oid for ref, oid in repository.refs.all() if ref.startswith(namespaces)}
    tip, is_model = repository.refs.get(f"refs/heads/{name}"), has_derived_model(repository, name)
    if tip is not None and is_model:
        refs[f"refs/heads/{name}"] = tip
    administration = _find_administration(current, name, is_model=is_model)
    if not refs and administration is None:
        raise GitstoreError(
            f"there is no derived model {name}", "gitstore models lists the models of the repository"
        )
    snapshots = _read_snapshots(repository, refs)
    held = find_held(repository, without=set(refs))
    based = dependents.find_dependents(repository, {snapshot.commit for snapshot in snapshots})
    states = namespaces[1]
    return ModelRemoval(
        repository,
        name,
        refs,
        snapshots,
        states=tuple(ref.removeprefix(states) for ref in refs if ref.startswith(states)),
        exclusive=sum(usage.measure_exclusive(repository, set(refs), held).values()),
        lost=tuple(_find_losses(administration, progress)),
        dependents=Dependents(
            tuple(model for model in based.models if model != name),
            tuple(snapshot for snapshot in based.snapshots if not snapshot.startswith(f"{name}@")),
        ),
        administration=administration,
    )


def check_removal(removal: ModelRemoval) -> None:
    """Raise `WouldLose` for files that are only in the working copy, `HasDependents` for models based on it.

    Raises `GitstoreError` if git has locked the working copy.
    """
    if removal.lost:
        raise WouldLose(
            f"removing the model {removal.name}",
            removal.lost,
            hint=f"save or commit what you need in {removal.directory}",
        )
    models = removal.dependents.models
    if models:
        based = f"{'is' if len(models) == 1 else 'are'} based on snapshots of"
        raise HasDependents(
            f"{', '.join(models)} {based} {removal.name}",
            "--force removes it anyway; the history of a derived model keeps what the model needs",
        )
    locked = removal.administration.locked if removal.administration is not None else None
    if locked is not None:
        raise GitstoreError(
            f"git has locked {removal.directory}: {locked}",
            "git worktree unlock unlocks it; --force removes it anyway",
        )


def remove(removal: ModelRemoval, *, call_hook: bool = True) -> None:
    """Remove the model: all of its refs or none, and its working copy. The next gc frees the disk.

    The hook pre-rm is called for each snapshot first, unless `call_hook` is false. Raises `HookRefused` if it
    refuses, `Locked`, and `RefChanged` if a ref has changed meanwhile. Nothing is removed then.
    """
    journal.observe(removal.repository)
    for removed in removal.snapshots if call_hook else ():
        dispatch.call_pre_hook(removal.repository, build_pre_rm(removed, removal.snapshots))
    repository = removal.repository
    with locks.derivation(repository.private), repository.writing(), _lock_working_copy(removal):
        changes = [RefChange(ref, oid, None) for ref, oid in removal.refs.items()]
        with _hide_working_copy(removal):
            if changes:
                repository.refs.change(changes, f"remove model {removal.name}")
        with only_warn(f"{repository.local_config.path} still says which state of {removal.name} is active"):
            active_state.forget(repository, f"{removal.name}/")
        with suppress(GitFailed):  # usually, there is no such section
            repository.git("config", "--local", "--remove-section", f"branch.{removal.name}")
    journal.observe(repository)


def _read_snapshots(repository: Repository, refs: dict[str, Oid]) -> tuple[Snapshot, ...]:
    tags = {ref: oid for ref, oid in refs.items() if ref.startswith("refs/tags/")}
    try:
        return tuple(snapshot.read_snapshots(repository, RefListing(tags, ())))
    except UnreadableSnapshots as error:
        return tuple(error.readable)  # the tags of unreadable snapshots are deleted, too


def _find_administration(current: Model, name: str, *, is_model: bool) -> Administration | None:
    """Find git's administration of the worktree that is on the model's branch."""
    repository = current.repository
    for administration in worktrees.list_administrations(repository.common):
        if administration.branch == name and (is_model or repository.refs.get(f"refs/heads/{name}") is None):
            directory = administration.directory
            if directory is not None and directory == repository.directory.resolve():
                raise GitstoreError(
                    f"{directory} is the working copy of {name} itself",
                    f"run gitstore -C DIR models rm {name}, where DIR is the directory of another model",
                )
            return administration
    if is_model and any(worktree.branch == name for worktree in repository.worktrees()):
        raise GitstoreError(
            f"the repository's own working copy is on the branch {name}",
            "switch to another branch there with git switch",
        )
    return None


def _find_losses(administration: Administration | None, progress: Progress) -> Iterator[PurePosixPath]:
    """Yield the files of a working copy that the model does not hold."""
    directory = administration.directory if administration is not None else None
    if directory is None or not (directory / ".git").exists():
        return
    if Repository.discover(directory).refs.get("HEAD") is None:
        return  # its branch is gone: an earlier call was killed while it removed the rest
    model = Model.open(directory)
    holdings = Holdings(model)
    on_disk = [path.name for path in (directory / STATES).iterdir()] if (directory / STATES).is_dir() else []
    for name in sorted(on_disk):
        working = working_state.read(model, name, progress) if state.has_files(model, name) else None
        yield from working.find_losses(holdings) if working is not None else ()
    for file in list_uncommitted(model.repository, with_ignored=True):
        if not file.path.startswith(f"{STATES}/"):
            yield PurePosixPath(file.path)


@contextmanager
def _lock_working_copy(removal: ModelRemoval) -> Iterator[None]:
    """Hold the lock of the model's working copy, if that exists."""
    with ExitStack() as stack:
        if removal.directory is not None and removal.administration is not None:
            stack.enter_context(locks.working_copy(removal.administration.path))
        yield


@contextmanager
def _hide_working_copy(removal: ModelRemoval) -> Iterator[None]:
    """Hide the working copy and git's administration of it. Delete both if the block succeeds, else restore.

    What cannot be hidden stays, with a warning.
    """
    directory, administration = removal.directory, removal.administration
    with ExitStack() as hidden_directory, ExitStack() as hidden_administration:
        if directory is not None:
            with only_warn(f"{directory} stays"):
                hidden_directory.enter_context(absence(directory))
        if administration is not None and administration.path.exists():
            with only_warn(f"{administration.path} stays"):
                hidden_administration.enter_context(
                    new_worktree.forgotten(removal.repository, administration.path)
                )
        yield
        with only_warn(f"git's data about the working copy of {removal.name} was not removed"):
            hidden_administration.close()
        with only_warn(f"a part of {directory} was not removed; it has another name beside it"):
            hidden_directory.close()
