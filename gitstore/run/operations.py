"""Operations on models and snapshots: where code and state come from, and where results go.

Snapshots run from the user's cache, a working copy from its own `code/` and `states/`. A result
of train or create-state becomes a state when the model has written all of it, or not at all.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitstore.bigfiles import scan
from gitstore.derive.first_state import Content
from gitstore.disk import directories
from gitstore.disk.atomic import sync_tree
from gitstore.disk.permissions import open_up
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostEvaluate, PostTrain
from gitstore.git.repository import Repository
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.models.state import StateExists
from gitstore.progress import Progress
from gitstore.run import supervisor
from gitstore.run.cache import Cache
from gitstore.run.supervisor import Evaluation, Metric, Observers
from gitstore.run.values.inputs import read_inputs
from gitstore.states.materialize import materialize
from gitstore.states.save import Saved, notify_saved, save_new
from gitstore.states.use import use_state

_log = logging.getLogger(__name__)

_NEW_STATE = "new"


class Unsaved(GitstoreError):
    """What a model made is on disk, in the directory `path`, but could not be saved."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"what the model made is in {path}, but could not be saved: {reason}",
            f"gitstore state save {path.name} saves it",
        )
        self.path = path


@dataclass(frozen=True)
class Result:
    """A state that an operation made, the metrics it reported, and the seconds of each phase."""

    saved: Saved
    metrics: tuple[Metric, ...]
    durations: Mapping[str, float]


def evaluate_snapshot(
    found: Snapshot,
    assignments: Sequence[str],
    *,
    directory: Path,
    cache: Cache,
    progress: Progress = lambda _: None,
) -> Evaluation:
    """Evaluate a snapshot from the user's cache. Nothing is written to its repository.

    Input files are relative to `directory`; `progress` is called with bytes of the state. Raises
    `InvalidInput` before anything runs, and `OperationFailed` for the model's own faults.
    """
    inputs = read_inputs(assignments, found.settings.types.evaluate.inputs, directory=directory)
    with (
        cache.code(found.repository, found.code) as code,
        cache.state(found.repository, found.state, progress) as weights,
    ):
        done = supervisor.evaluate(
            code=code,
            state=weights,
            settings=found.settings,
            inputs=inputs,
            read_only=cache.directory,
        )
    dispatch.tell(found.repository, _evaluated(found.model, found.state_name, done, found))
    return done


def evaluate_working_copy(model: Model, assignments: Sequence[str], *, directory: Path) -> Evaluation:
    """Evaluate the code and the active state of a working copy, as they are on disk."""
    inputs = read_inputs(assignments, model.settings.types.evaluate.inputs, directory=directory)
    with _active_state(model) as weights:
        code = _code(model)
        done = supervisor.evaluate(code=code, state=weights, settings=model.settings, inputs=inputs)
    dispatch.tell(model.repository, _evaluated(model.name, state.active(model), done, None))
    return done


def _evaluated(model: str, active: str, done: Evaluation, found: Snapshot | None) -> PostEvaluate:
    return PostEvaluate(
        model=model,
        snapshot=found.name if found is not None else None,
        ref=found.ref if found is not None else None,
        tag=str(found.oid) if found is not None else None,
        state=active,
        outputs={
            name: {"dtype": array.dtype.name, "shape": list(array.shape)}
            for name, array in done.outputs.items()
        },
        durations=done.durations,
    )


def train(
    model: Model,
    assignments: Sequence[str],
    *,
    directory: Path,
    name: str | None = None,
    use: bool = False,
    observers: Observers | None = None,
) -> Result:
    """Train a working copy's code from its active state; the result is a new state, called `name`.

    It is on disk and saved, and active if the caller means to `use` it. The hooks post-state and
    post-train run after that. Raises like `evaluate_snapshot`, and `Cancelled`.
    """
    base = state.active(model)
    inputs = read_inputs(assignments, model.settings.types.train, directory=directory)
    if name is not None:
        _check_new(model, name)
    with _active_state(model) as weights, _new_state(model) as out:
        training = supervisor.train(
            code=_code(model),
            state=weights,
            settings=model.settings,
            data=inputs,
            out=out,
            observers=observers,
        )
        _check_there(model)
        saved = _keep(model, name, out)
    if use:
        _use(model, saved.name)
    _check_there(model, saved)
    result = Result(saved, training.metrics, training.durations)
    notify_saved(model, "trained", saved)
    dispatch.tell(model.repository, _trained(model, base, result))
    return result


def _use(model: Model, name: str) -> None:
    """Make a new state the active one. An error says that the state is there."""
    try:
        use_state(model, name)
    except (GitstoreError, OSError) as error:
        raise GitstoreError(
            f"the state {name} is on disk and saved, but not the active one: {error}",
            f"gitstore state use {name}",
        ) from error


def _trained(model: Model, base: str, result: Result) -> PostTrain:
    saved = result.saved
    return PostTrain(
        model=model.name,
        state=saved.name,
        base_state=base,
        is_active=state.active(model) == saved.name,
        tree=str(saved.tree),
        size=saved.size,
        added_bytes=saved.added,
        metrics=[
            {
                "seconds": each.seconds,
                "name": each.name,
                "value": each.value if math.isfinite(each.value) else None,  # JSON knows no NaN
            }
            for each in result.metrics
        ],
        durations=dict(result.durations),
    )


def create_state(
    model: Model, assignments: Sequence[str], *, directory: Path, name: str | None = None
) -> Result:
    """Have a working copy's code create a state called `name`: the active one, if that is not there yet.

    The hook post-state runs when it is saved.
    """
    params = read_inputs(assignments, model.settings.types.create_state, directory=directory)
    name = name or state.active(model)
    code = _code(model)
    _check_new(model, name)
    with _new_state(model) as out:
        creation = supervisor.create_state(code=code, settings=model.settings, params=params, out=out)
        _check_there(model)
        saved = _keep(model, name, out)
    _check_there(model, saved)
    notify_saved(model, "created", saved)
    return Result(saved, (), creation.durations)


@dataclass(frozen=True)
class CreatedState:
    """A derived model's first state that the code of its base creates. Files are relative to `directory`.

    `expect` hears how many bytes it has. Raises `InvalidInput` before anything runs, and `OperationFailed`
    for the code's own faults.
    """

    assignments: Sequence[str]
    directory: Path
    cache: Cache
    expect: Progress = lambda _: None

    @contextmanager
    def ready(self, base: Snapshot) -> Iterator[Content]:
        definitions = base.settings.types.create_state
        params = read_inputs(self.assignments, definitions, directory=self.directory)
        with directories.scratch(base.repository.private, "state") as out:
            with self.cache.code(base.repository, base.code) as code:
                supervisor.create_state(
                    code=code,
                    settings=base.settings,
                    params=params,
                    out=out,
                    read_only=self.cache.directory,
                )
            listing = scan.scan(out)
            self.expect(listing.size)
            yield listing


def _code(model: Model) -> Path:
    """Where the model's code is, to run from."""
    if model.repository.is_bare:
        raise GitstoreError(
            "a bare repository has no code on disk to run",
            "clone it, and run it there; gitstore evaluate SNAPSHOT works here",
        )
    return model.directory / model.code


@contextmanager
def _active_state(model: Model) -> Iterator[Path]:
    """The active state's files; an empty directory while there is no such state."""
    _code(model)
    name = state.active(model)
    if state.directory(model, name) is not None or state.saved_tree(model, name) is not None:
        yield materialize(model, name)
    else:
        _warn_of_missing_weights(model, name)
        with tempfile.TemporaryDirectory(prefix="gitstore-state-") as empty:
            yield Path(empty)


def _warn_of_missing_weights(model: Model, name: str) -> None:
    """Say that there are no weights, unless the model is new: a clone has its snapshots, but no state."""
    if model.repository.refs.any_below(model.tag_ref(""), model.state_ref("")):
        _log.warning(
            "the state %s is neither on disk nor saved, so the model runs without weights; gitstore restore"
            " SNAPSHOT writes out those of a snapshot, and gitstore state list shows other states",
            name,
        )


@contextmanager
def _new_state(model: Model) -> Iterator[Path]:
    """A directory beside the states, for the model to write into; gone afterwards unless it was kept."""
    model.states.mkdir(exist_ok=True)
    directories.sweep(model.states, _NEW_STATE)
    with directories.hidden(model.states, _NEW_STATE) as out:
        yield out


def _keep(model: Model, name: str | None, out: Path) -> Saved:
    """Give what the model wrote its name on disk, then save it: the first free name unless one is given.

    In this order, since it may have taken hours: whatever happens now, the files are there, whole and
    under a name. Raises `Unsaved` if they could not be saved.
    """
    scan.scan(out)  # what a state cannot hold is refused before it has a name
    sync_tree(out)
    open_up(out)
    here = _give_name(model, name, out)
    while True:
        try:
            if name not in (None, here.name):
                raise state.taken(name)
            with model.repository.reading_files():
                return save_new(model, here.name, scan.scan(here))
        except StateExists as error:
            here = _give_name(model, None, here)  # another working copy has just saved one with that name
            if name is not None:
                raise Unsaved(here, error.message) from error
        except GitstoreError as error:
            raise Unsaved(here, error.message) from error
        except OSError as error:
            raise Unsaved(here, str(error.strerror)) from error


def _give_name(model: Model, name: str | None, out: Path) -> Path:
    """Rename a directory to that of a state, which never takes the place of files; returns it.

    If the name is taken meanwhile, it gets the first one that is free.
    """
    while True:
        here = model.states / (name or _next_name(model))
        try:
            return out.rename(here)
        except OSError as error:
            if not os.path.lexists(here):
                raise GitstoreError(f"{here} cannot be made: {error.strerror}") from error
        name = None  # files have appeared there


def _check_there(model: Model, saved: Saved | None = None) -> None:
    """Look again whether the repository is there, and holds what was saved: the model's code could remove it.

    Raises `GitstoreError`, and `Corrupt` for an object that is gone.
    """
    here = model.repository
    try:
        found = Repository(here.git_directory)
        is_same = found.common == here.common and found.directory == here.directory
    except GitstoreError:
        is_same = False
    if not is_same:
        raise GitstoreError(
            f"{here.common} is not the repository any more that it was before the model's code ran",
            "nothing was recorded; a clone or a backup still has what was in it",
        )
    if saved is not None:
        oid = found.refs.get(model.state_ref(saved.name))
        if oid is None or found.commit(oid).tree != saved.tree or saved.tree not in found.objects:
            raise GitstoreError(
                f"the state {saved.name} was saved, and is not there any more",
                "something removes what gitstore writes: look at the model's code",
            )


def _check_new(model: Model, name: str) -> None:
    """Raise `GitstoreError` if a state of that name is there: an operation never writes over one."""
    state.check_vacant(model, name)
    if state.saved_tree(model, name) is not None:
        raise state.taken(name)
    if state.has_files(model, name):
        # Possibly of a command like this one, which was killed before it had saved them.
        raise state.taken(name, f"gitstore state save {name} saves it as it is on disk")


def _next_name(model: Model) -> str:
    """The first of trained-1, trained-2, … that is free."""
    known = set(state.names(model))
    number = 1
    while f"trained-{number}" in known:
        number += 1
    return f"trained-{number}"
