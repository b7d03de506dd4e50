"""The action `evaluate`: a recorded evaluation of the event's snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.automation.actions.result import ActionResult
from gitstore.automation.rules import EvaluateAction
from gitstore.errors import BadSettings, InvalidInput, NoSuchSnapshot, OperationFailed
from gitstore.events.failures import describe_failure
from gitstore.models import alias as aliases
from gitstore.models import snapshot as snapshots
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.outbox.events import SnapshotEvent
from gitstore.records import evaluations
from gitstore.records.evaluations import NoSuchRecord

if TYPE_CHECKING:
    from gitstore.run.conditions import Conditions
    from gitstore.run.values.inputs import Inputs


def evaluate(
    action: EvaluateAction, snapshot: Snapshot, event: SnapshotEvent, *, directory: Path, now: int
) -> ActionResult:
    """Evaluate once, and record it. Input files are relative to `directory`.

    A model that fails is final, and causes an event. Raises `GitstoreError` for what may work later.
    """
    from gitstore.run.conditions import find_conditions
    from gitstore.run.evaluation import LocalLauncher
    from gitstore.run.recording.evaluations import evaluate_and_record

    if any(record.name == action.record for record in evaluations.list_records(snapshot)):
        return ActionResult("delivered", f"{snapshot.short_name} has the record {action.record} already")
    conditions = find_conditions(snapshot.repository.directory)
    try:
        with _open_inputs(action, snapshot, conditions, directory=directory) as inputs:
            launcher = LocalLauncher(conditions)
            evaluate_and_record(snapshot, inputs, name=action.record, launcher=launcher, is_told=False)
    except NoSuchRecord as error:
        return ActionResult("dropped", error.message)
    except (OperationFailed, InvalidInput, BadSettings, NoSuchSnapshot) as error:
        facts = {"time": now, "owner": event.owner, "model": event.model}
        failed = describe_failure(snapshot, action.record, error, facts=facts)
        return ActionResult("failed", error.message, final=True, events=(failed,))
    return ActionResult("delivered", f"recorded {action.record} of {snapshot.short_name}")


def _open_inputs(
    action: EvaluateAction, snapshot: Snapshot, conditions: Conditions, *, directory: Path
) -> AbstractContextManager[Inputs]:
    from gitstore.run.values.inputs import Assignments

    if action.like is None:
        return nullcontext(Assignments(action.inputs, directory))
    return _open_recorded(action, snapshot, conditions)


@contextmanager
def _open_recorded(action: EvaluateAction, snapshot: Snapshot, conditions: Conditions) -> Iterator[Inputs]:
    """Provide the inputs of the record that another snapshot has."""
    from gitstore.run.recording.evaluations import open_values
    from gitstore.run.values.inputs import Arrays
    from gitstore.run.values.ragged import join

    other = _find_other(action.like or "", snapshot)
    record = evaluations.find_record(other, action.record)
    with open_values(other, record, conditions) as values:
        yield Arrays(join(values.inputs, snapshot.settings.types.evaluate.inputs))


def _find_other(name: str, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of the same model by its name or an alias."""
    model, repository = Model(snapshot.repository, snapshot.model, snapshot.prefix), snapshot.repository
    oid = repository.refs.get(model.tag_ref(name))
    if oid is not None:
        other = snapshots.read(repository, model.tag_ref(name), oid)
    else:
        alias = aliases.find_alias(model, name)
        other = aliases.find_snapshot(repository, alias) if alias is not None else None
    if other is None:
        raise NoSuchRecord(f"there is no snapshot {name} whose record could be repeated")
    return other
