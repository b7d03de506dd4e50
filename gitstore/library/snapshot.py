"""A snapshot, as a script or a notebook sees it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gitstore import settings
from gitstore.derive import first_state, standalone, worktree
from gitstore.errors import NoSuchSnapshot
from gitstore.library import records
from gitstore.library.records import RecordedEvaluation, RepeatedEvaluation
from gitstore.library.results import Outputs
from gitstore.models import snapshot as snapshots
from gitstore.models.model import Model as InternalModel
from gitstore.models.snapshot import Snapshot as InternalSnapshot
from gitstore.progress import Progress
from gitstore.records.evaluations import list_records
from gitstore.run import evaluation
from gitstore.run.cache.user_cache import find_user_cache
from gitstore.run.conditions import find_conditions
from gitstore.run.evaluation import LocalLauncher
from gitstore.run.recording import evaluations as recording
from gitstore.run.recording.differences import OutputDifference, Tolerance
from gitstore.run.recording.verification import verify_evaluations
from gitstore.run.values.inputs import Arrays
from gitstore.run.warm import WarmModel
from gitstore.sandbox.choice import Sandbox

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from gitstore.library.model import Model

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class Snapshot:
    """A snapshot of a model: its code, a state and settings, which never change.

    `model` and `state` are the names of its model and its state when it was taken, `date` is when that was
    (`None` if the tag does not say). `id` is the object id of its tag: two snapshots with the same id are
    the same, byte for byte. Nothing is kept open between calls, so a snapshot can be used from any thread
    and sent to other processes.
    """

    name: str
    model: str
    state: str
    message: str
    date: datetime | None
    id: str
    _ref: str = field(compare=False)
    _repository: Path = field(compare=False)

    def __repr__(self) -> str:
        return f"<Snapshot {self.model}@{self.name}>"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as they were, every default included: sizes in bytes, durations in seconds.

        Raises `BadSettings` if they are invalid, and `NoSuchSnapshot`.
        """
        return settings.to_builtins(self._read().settings)

    @contextmanager
    def state_path(self, *, progress: Progress = lambda _: None) -> Iterator[Path]:
        """Give the directory with the state's files, for as long as the block runs.

        The directory is read-only, complete, and in the user's cache, from which snapshots are evaluated,
        too. It is written out if it is not there yet; `progress` is then called with numbers of bytes.
        Raises `NoSuchSnapshot`, and `Corrupt` for damaged objects.
        """
        snapshot = self._read()
        cache = find_user_cache(self._repository)
        with cache.open_state(snapshot.repository, snapshot.state_tree, progress=progress) as path:
            yield path

    def evaluate(
        self,
        inputs: Mapping[str, ArrayLike] | None = None,
        /,
        *,
        sandbox: Sandbox | None = None,
        unlocked: bool = False,
        **more_inputs: ArrayLike,
    ) -> Outputs:
        """Evaluate the snapshot with its own code, state and settings, in a process of its own.

        Inputs are given by name, in a mapping, as keywords, or both. They are whatever numpy makes an array
        of, and must have the types and shapes of the settings. Nothing is written to the repository. The code
        runs in a `sandbox`, by default that of git's configuration and the settings, and if `unlocked`, with
        packages that uv chooses. Raises `InvalidInput` before anything runs, `OperationFailed` if the model's
        code fails or takes too long, and `NoSuchSnapshot`.
        """
        arrays = Arrays({**(inputs or {}), **more_inputs})
        snapshot = self._read()
        launcher = LocalLauncher(find_conditions(self._repository, sandbox, unlocked=unlocked))
        evaluated = evaluation.evaluate_snapshot(snapshot, arrays, launcher=launcher)
        return Outputs(evaluated.outputs, evaluated.durations, **evaluated.workplace.describe())

    def record_evaluation(
        self,
        name: str,
        inputs: Mapping[str, ArrayLike] | None = None,
        /,
        *,
        replace: bool = False,
        sandbox: Sandbox | None = None,
        **more_inputs: ArrayLike,
    ) -> RecordedEvaluation:
        """Evaluate as `evaluate` does, and keep inputs and outputs with the snapshot, as the record `name`.

        Atomic and durable. Raises `RecordExists` unless it may `replace` one, `InvalidName`, and like
        `evaluate`; nothing is recorded then.
        """
        snapshot = self._read()
        recorded = recording.evaluate_and_record(
            snapshot,
            Arrays({**(inputs or {}), **more_inputs}),
            name=name,
            launcher=LocalLauncher(find_conditions(self._repository, sandbox)),
            replacing=replace,
        )
        return records.wrap_evaluation(self, recorded.record)

    def evaluations(self) -> list[RecordedEvaluation]:
        """The evaluations that are recorded with the snapshot, oldest first. Raises `Corrupt`."""
        return [records.wrap_evaluation(self, record) for record in list_records(self._read())]

    def verify_evaluations(
        self, *names: str, rtol: float = 0.0, atol: float = 0.0, sandbox: Sandbox | None = None
    ) -> list[RepeatedEvaluation]:
        """Run recorded evaluations again, all or those called `names`, and compare their outputs.

        Numbers may differ by `atol + rtol * |recorded|`. Raises `NoSuchRecord` before any is run.
        """
        conditions = find_conditions(self._repository, sandbox)
        tolerance = Tolerance(rtol, atol)
        verified = verify_evaluations([self._read()], names, conditions=conditions, tolerance=tolerance)
        return list(map(records.wrap_repeated, verified))

    def compare(
        self,
        other: Snapshot,
        inputs: Mapping[str, ArrayLike] | None = None,
        /,
        *,
        rtol: float = 0.0,
        atol: float = 0.0,
        sandbox: Sandbox | None = None,
        **more_inputs: ArrayLike,
    ) -> list[OutputDifference]:
        """Evaluate this snapshot and another one with the same inputs; say how each output differs.

        Numbers are equal if they differ by at most `atol + rtol * |ours|`. Raises like `evaluate`.
        """
        comparison = recording.compare_snapshots(
            (self._read(), other._read()),
            Arrays({**(inputs or {}), **more_inputs}),
            conditions=find_conditions(self._repository, sandbox),
            tolerance=Tolerance(rtol, atol),
        )
        return list(comparison.outputs)

    @contextmanager
    def warm(
        self,
        *,
        sandbox: Sandbox | None = None,
        unlocked: bool = False,
        progress: Progress = lambda _: None,
    ) -> Iterator[WarmSnapshot]:
        """Keep the snapshot's model instantiated for as long as the block runs.

        Evaluations then need not wait for a process to start and weights to load. `progress` is called with
        bytes of the state that are written out. `sandbox` and `unlocked` are as for `evaluate`. Raises
        `OperationFailed` if the model cannot be instantiated.
        """
        launcher = LocalLauncher(find_conditions(self._repository, sandbox, unlocked=unlocked))
        with launcher.open_warm(self._read(), progress=progress) as model:
            yield WarmSnapshot(model)

    def derive(
        self,
        name: str,
        directory: StrPath | None = None,
        *,
        reference: bool = False,
        state: StrPath | Literal["copy"] | None = "copy",
        progress: Progress = lambda _: None,
    ) -> Model:
        """Make a model called `name` that is based on this snapshot and linked to its code.

        It is a worktree of the snapshot's repository, or with `reference` a repository of its own, in
        `directory`, by default beside the root model. Its first state is a `"copy"` of the snapshot's, which
        costs no bytes, none with `None`, or made of the file or directory that `state` names; `progress` is
        called with numbers of its bytes. Atomic and durable. Raises `InvalidName`, and `GitstoreError` if
        the name or the directory is taken.
        """
        from gitstore.library.model import Model  # the two make each other

        base = self._read()
        place = worktree.default_directory(base.repository, name) if directory is None else Path(directory)
        make = standalone.derive if reference else worktree.derive
        derived = make(base, name, place.resolve(), state=_first_state(state), progress=progress)
        return Model(derived.model.name, derived.model.directory)

    def _read(self) -> InternalSnapshot:
        """Return the snapshot as the rooms have it. Raises `NoSuchSnapshot` if its name has gone."""
        repository = InternalModel.identify(self._repository).repository
        oid = repository.refs.get(self._ref)
        snapshot = snapshots.read(repository, self._ref, oid) if oid is not None else None
        if snapshot is None or str(snapshot.tag_oid) != self.id:
            raise NoSuchSnapshot(
                f"{self.model}@{self.name} has been removed or renamed",
                "look it up again: model.snapshots() lists the snapshots there are",
            )
        return snapshot


@dataclass(frozen=True, repr=False)
class WarmSnapshot:
    """A snapshot whose model is instantiated. `Snapshot.warm` gives one.

    Threads may share it: their evaluations run one after the other.
    """

    _model: WarmModel

    def evaluate(self, inputs: Mapping[str, ArrayLike] | None = None, /, **more_inputs: ArrayLike) -> Outputs:
        """Evaluate inputs as `Snapshot.evaluate` does; hooks are not called.

        After an exception of the model, it can be evaluated again. After `CodeTerminated` and
        `MaxDurationExceeded` its process has ended, and `LauncherTerminated` is raised.
        """
        definitions = self._model.settings.types.evaluate.inputs
        evaluated = self._model.evaluate(Arrays({**(inputs or {}), **more_inputs}).read(definitions))
        return Outputs(evaluated.outputs, evaluated.durations, **evaluated.workplace.describe())


def wrap_snapshot(snapshot: InternalSnapshot) -> Snapshot:
    """Return a snapshot of the rooms as outsiders see it."""
    return Snapshot(
        name=snapshot.name,
        model=snapshot.model,
        state=snapshot.state_name,
        message=snapshot.tag.message,
        date=snapshot.tag.date,
        id=str(snapshot.tag_oid),
        _ref=snapshot.ref,
        _repository=snapshot.repository.directory,
    )


def _first_state(state: StrPath | None) -> first_state.FirstState:
    if state is None:
        return first_state.ABSENT
    return first_state.COPIED if state == "copy" else first_state.Imported([Path(state)])
