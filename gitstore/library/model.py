"""A model, as a script or a notebook sees it, and opening one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitstore import settings
from gitstore.library import aliases, records
from gitstore.library import state as states
from gitstore.library.new_state import NewState
from gitstore.library.records import RecordedTraining
from gitstore.library.results import Outputs, TrainingResult
from gitstore.library.snapshot import Snapshot, StrPath, wrap_snapshot
from gitstore.library.state import State
from gitstore.models import reference
from gitstore.models import snapshot as snapshots
from gitstore.models.model import Model as InternalModel
from gitstore.progress import Progress
from gitstore.records.comparison import RecordDifference, compare_states
from gitstore.run import creation, evaluation, training
from gitstore.run.conditions import find_conditions
from gitstore.run.dialogue import Metric, Observers
from gitstore.run.recording.own_training import record_own_training
from gitstore.run.values.inputs import Arrays
from gitstore.sandbox.choice import Sandbox
from gitstore.snapshots.take import take
from gitstore.states.import_files import import_files
from gitstore.storage import usage
from gitstore.storage.usage import Usage

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_log = logging.getLogger(__name__)


def open(directory: StrPath = ".") -> Model:  # noqa: A001 - gitstore.open, as io.open and tarfile.open
    """Open the model of a directory: of a working copy or anything below it, or of a bare repository.

    Raises `NotAModel`, and `BadSettings` if the settings do not even tell which model it is.
    """
    model = InternalModel.identify(Path(directory).absolute())
    return Model(model.name, model.directory)


@dataclass(frozen=True, repr=False)
class Model:
    """A model in one of its working copies, or in its bare repository. `gitstore.open` gives one.

    Each call looks at the repository as it is then, so what others change meanwhile is seen. Nothing is
    kept open between calls, so a model can be used from any thread and sent to other processes.
    """

    name: str
    directory: Path

    def __repr__(self) -> str:
        return f"<Model {self.name} in {self.directory}>"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as they are on disk, every default included: sizes in bytes, durations in seconds.

        Raises `BadSettings`, which has all problems.
        """
        return settings.to_builtins(self._open().settings)

    @property
    def active_state(self) -> str:
        """The name of the active state, which need not be there yet."""
        return self._identify().active_state

    def snapshots(self) -> list[Snapshot]:
        """The model's snapshots, oldest first. Raises `Corrupt` if a tag cannot be read."""
        return [wrap_snapshot(snapshot) for snapshot in snapshots.read_own_snapshots(self._identify())]

    def snapshot(self, name: str) -> Snapshot:
        """The snapshot of this name or alias, or MODEL@NAME for another model of the repository.

        Raises `NoSuchSnapshot`, and `Corrupt` if it cannot be read or trusted.
        """
        return wrap_snapshot(reference.resolve(name, self.directory))

    def aliases(self) -> dict[str, Snapshot]:
        """The snapshots that have an alias, by alias. Raises `Corrupt` if one cannot be read."""
        return aliases.list_aliases(self._identify())

    def set_alias(
        self, name: str, snapshot: str, *, message: str | None = None, require: Sequence[str] = ()
    ) -> None:
        """Let a snapshot have an alias, which another one may have had until now. Atomic and durable.

        `message` says why. `require` is what must be recorded of the snapshot, such as
        `bench.accuracy >= current`. Raises `NoSuchSnapshot`, and `GitstoreError` for a name that cannot be
        an alias, for what is not met, and if somebody else moved the alias meanwhile.
        """
        aliases.move(self._identify(), name, snapshot, message=message, require=require)

    def states(self, *, progress: Progress = lambda _: None) -> list[State]:
        """The model's states, saved or on disk, by name.

        Files on disk that may have changed are read to find out; `progress` is called with numbers of bytes.
        """
        return list(states.list_states(self._identify(), progress))

    def take_snapshot(
        self,
        name: str,
        *,
        message: str | None = None,
        state: str | None = None,
        progress: Progress = lambda _: None,
    ) -> Snapshot:
        """Take a snapshot of code, settings and a state, the active one by default, as they are on disk.

        Atomic and durable: the snapshot is there when this returns, or nothing is recorded. `progress` is
        called with numbers of bytes of the state. What may be amiss with it is logged as a warning. Raises
        `InvalidName`, `SnapshotExists`, `NoSuchState`, `BadSettings`, `Locked`, `FileChanged`, and
        `GitstoreError` for code or files that a snapshot cannot hold.
        """
        new = take(self._open(), name, message=message, state_name=state, progress=progress)
        for warning in new.warnings:
            _log.warning("%s; %s", warning.message, warning.hint)
        return wrap_snapshot(new.snapshot)

    def import_state(
        self,
        path: StrPath,
        *more_paths: StrPath,
        name: str | None = None,
        use: bool = False,
        force: bool = False,
        progress: Progress = lambda _: None,
    ) -> State:
        """Copy files into a state and save it: the active one, or `name`. With `use`, it becomes active.

        A single directory is the state; of several paths each keeps its name in it. `progress` is called
        with numbers of bytes, copied and then saved. Raises `InvalidName`, `StateExists`, and `GitstoreError`
        if there are no files or if some are Git LFS pointers. `force` replaces a state that is there, and
        takes pointers as they are.
        """
        model = self._open()
        name = name or model.active_state
        paths = [Path(path), *map(Path, more_paths)]
        imported = import_files(model, name, paths, force=force, use=use, progress=progress)
        return states.wrap_saved_state(model, imported.name, imported.size)

    def create_state(
        self,
        parameters: Mapping[str, ArrayLike] | None = None,
        *,
        name: str | None = None,
        sandbox: Sandbox | None = None,
        unlocked: bool = False,
    ) -> State:
        """Have the model's code create a state: the active one, if it is not there yet, or `name`.

        `sandbox` and `unlocked` are as for `train`. Raises `StateExists`, `InvalidName`, `InvalidInput`, and
        `OperationFailed` if the code fails.
        """
        model = self._open()
        conditions = find_conditions(self.directory, sandbox, unlocked=unlocked)
        result = creation.create_state(model, Arrays(parameters or {}), conditions=conditions, name=name)
        return states.wrap_saved_state(model, result.saved.name, result.saved.size)

    def train(
        self,
        data: Mapping[str, ArrayLike],
        *,
        save_as: str | None = None,
        use: bool = False,
        on_progress: Callable[[float], None] = lambda _: None,
        on_metric: Callable[[Metric], None] = lambda _: None,
        sandbox: Sandbox | None = None,
        unlocked: bool = False,
    ) -> TrainingResult:
        """Train the working copy's code from its active state; the result is a new state, saved and on disk.

        It is called `save_as`, or the first free one of trained-1, trained-2, …; with `use`, it becomes the
        active one. `on_progress` is called with what is done, from 0 to 1, `on_metric` with each metric as
        the code reports it. The code runs in a `sandbox`, by default that of git's configuration and
        settings.yaml, and if `unlocked`, with packages that uv chooses. Raises `InvalidInput` before anything
        runs, `StateExists`, `InvalidName`, `OperationFailed` if the code fails or takes too long,
        and `Cancelled` after Ctrl-C.
        """
        model = self._open()
        observers = Observers(on_progress, on_metric)
        conditions = find_conditions(self.directory, sandbox, unlocked=unlocked)
        result = training.train(
            model, Arrays(data), conditions=conditions, name=save_as, use=use, observers=observers
        )
        state = states.wrap_saved_state(model, result.saved.name, result.saved.size)
        return TrainingResult(state, result.metrics, result.durations, **result.workplace.describe())

    def training(self, state: str | None = None) -> RecordedTraining | None:
        """How a state came to be, by default the active one; `None` if nobody recorded that.

        Raises `NoSuchState`, and `Corrupt` if the record is damaged, or its metrics are missing in a clone.
        """
        model = self._identify()
        return records.find_training(model, state or model.active_state)

    def compare_trainings(self, first: str, second: str) -> list[RecordDifference]:
        """What differs between how two states came to be, times apart. Of a metric, the last value counts.

        Raises `NoSuchState`, and `GitstoreError` if nobody recorded it.
        """
        return compare_states(self._identify(), first, second)

    @contextmanager
    def new_state(
        self,
        name: str | None = None,
        *,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, ArrayLike | StrPath] | None = None,
        use: bool = False,
    ) -> Iterator[NewState]:
        """Make a state in a training loop of one's own, and record how it was made.

        The block writes files into `path` of the `NewState` that it gets, and may report metrics. At its end
        they are a state called `name`, or the first free one of trained-1, trained-2, …, saved and on disk;
        with `use`, it becomes the active one. The record keeps `params`, which are what JSON can hold, and
        size and SHA-256 of `data`: arrays, or paths of files, which are read while the block runs. If the
        block raises, nothing is kept. Raises `StateExists`, `InvalidName` and `InvalidInput` before it runs.
        """
        model = self._open()
        with record_own_training(model, name, parameters=params or {}, data=data or {}, use=use) as training:
            yield NewState(model, training)

    def evaluate(
        self,
        inputs: Mapping[str, ArrayLike] | None = None,
        /,
        *,
        sandbox: Sandbox | None = None,
        unlocked: bool = False,
        **more_inputs: ArrayLike,
    ) -> Outputs:
        """Evaluate the working copy: its code, its active state and its settings, as they are on disk.

        Like `Snapshot.evaluate` otherwise.
        """
        arrays = Arrays({**(inputs or {}), **more_inputs})
        conditions = find_conditions(self.directory, sandbox, unlocked=unlocked)
        evaluated = evaluation.evaluate_working_copy(self._open(), arrays, conditions=conditions)
        return Outputs(evaluated.outputs, evaluated.durations, **evaluated.workplace.describe())

    def usage(self) -> Usage:
        """What the repository's storage costs, in bytes, and who holds it: all its models together.

        Raises `Corrupt` for damage that would make the sizes wrong.
        """
        return usage.measure(self._identify().repository)

    def _open(self) -> InternalModel:
        return InternalModel.open(self.directory)

    def _identify(self) -> InternalModel:
        """Like `_open`, for what works with invalid settings, too."""
        return InternalModel.identify(self.directory)
