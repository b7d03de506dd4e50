"""Recording a training: how a state came to be."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import UNSET, UnsetType

from gitstore.bigfiles import scan
from gitstore.bigfiles.hash import hash_directory
from gitstore.disk import directories
from gitstore.disk.afterwards import only_warn
from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.packs.oid import Oid
from gitstore.records import files, trainings
from gitstore.records.record import BaseState, Circumstances, Code, Series, TrainingRecord, Value
from gitstore.run.conditions import Conditions
from gitstore.run.dialogue import Metric
from gitstore.run.recording.circumstances import describe_run
from gitstore.run.supervisor import Creation, Training
from gitstore.states.save import Saved
from gitstore.workingcopy.uncommitted import list_uncommitted

_HEADER = ("seconds", "name", "value")

MAX_METRICS = 10_000_000
"""The most metrics that are read from a record."""


@dataclass(frozen=True)
class Origin:
    """What a training begins with: the working copy's code, and the state, if it begins with one."""

    code: Code
    base: BaseState | None = None


@dataclass(frozen=True)
class TrainingInputs:
    """What a training was given: parameters, which the record shows, and data, which it describes."""

    parameters: Mapping[str, Any]
    data: Sequence[Value]

    @classmethod
    def of(cls, values: Sequence[Value]) -> TrainingInputs:
        """Take the values with a `value` for parameters, and all others for data."""
        return cls(
            {value.name: value.value for value in values if value.value is not UNSET},
            [value for value in values if value.value is UNSET],
        )


@dataclass(frozen=True)
class Reports:
    """What a training reported: its metrics in their order, and the end of what it printed."""

    metrics: Sequence[Metric] = ()
    printed: bytes = b""


def describe_origin(model: Model, *, base: str | None = None) -> Origin:
    """Describe a working copy before a training. `base` is the state that the training begins with."""
    return Origin(_describe_code(model), _describe_base(model, base) if base is not None else None)


def record_operation(
    model: Model,
    saved: Saved,
    ran: Training | Creation,
    *,
    origin: Origin,
    values: Sequence[Value],
    metrics: Sequence[Metric] = (),
) -> None:
    """Keep the record of a state that a worker has made, of `values`; see `record_training`."""
    circumstances = describe_run(
        model.repository, ran.durations, workplace=ran.workplace, peak_memory=ran.peak_memory
    )
    record_training(
        model,
        saved,
        origin=origin,
        circumstances=circumstances,
        training=TrainingInputs.of(values),
        reports=Reports(metrics, ran.printed),
        operation="create_state" if isinstance(ran, Creation) else "train",
    )


def record_training(
    model: Model,
    saved: Saved,
    *,
    origin: Origin,
    circumstances: Circumstances,
    training: TrainingInputs,
    reports: Reports,
    operation: str | UnsetType = UNSET,
) -> None:
    """Keep the record of a state that was saved just now. A failure is a warning, since the state is safe."""
    record = TrainingRecord(
        name=saved.name,
        model=model.name,
        operation=operation,
        base=origin.base if origin.base is not None else UNSET,
        code=origin.code,
        parameters=dict(training.parameters),
        data=list(training.data),
        metrics=_sum_up(reports.metrics),
        circumstances=circumstances,
    )
    with only_warn(f"the state {saved.name} is saved, but how it was trained was not recorded"):
        _keep(model.repository, saved.tree, record, reports=reports)


def _keep(repository: Repository, tree: Oid, record: TrainingRecord, *, reports: Reports) -> None:
    if reports == Reports():
        trainings.add_record(repository, tree, record, directory=None)
        return
    with directories.scratch(repository.private, "record") as directory:
        if reports.metrics:
            _write_metrics(directory / trainings.METRICS, reports.metrics)
        if reports.printed:
            (directory / files.OUTPUT).write_bytes(reports.printed)
        trainings.add_record(repository, tree, record, directory=directory)


@contextmanager
def open_metrics(model: Model, record: TrainingRecord, conditions: Conditions) -> Iterator[list[Metric]]:
    """Provide all metrics of a record while the block runs.

    Raises `Corrupt` if they are damaged or missing.
    """
    tree = trainings.find_tree(record)
    if tree is None:
        yield []
        return
    files.check_tree(model.repository, tree, record=record.name)
    with conditions.cache.open_state(model.repository, tree) as directory:
        path = directory / trainings.METRICS
        yield _read_metrics(path) if path.exists() or record.metrics else []


def group_metrics(metrics: Iterable[Metric]) -> dict[str, list[Metric]]:
    """Return the metrics of each name, in their order."""
    by_name: dict[str, list[Metric]] = defaultdict(list)
    for metric in metrics:
        by_name[metric.name].append(metric)
    return dict(by_name)


def _describe_base(model: Model, name: str) -> BaseState:
    """Describe a state as it is on disk. Files that the stat cache does not know are read."""
    path = state.find_directory(model, name)
    if path is None:
        return BaseState(name=name)
    cache = model.repository.stat_cache()
    tree = hash_directory(scan.scan_directory(path), model.repository.objects, cache).tree
    return BaseState(name=name, tree=str(tree))


def _describe_code(model: Model) -> Code:
    """Describe the code on disk by the commit that is checked out, and whether it differs from that."""
    tree: Oid | None = model.find_committed_code(model.code_directory)
    return Code(
        differs=tree is None or bool(list_uncommitted(model.repository, [model.code_directory])),
        commit=str(model.head) if model.head is not None else UNSET,
        tree=str(tree) if tree is not None else UNSET,
    )


def _sum_up(metrics: Sequence[Metric]) -> list[Series]:
    series = []
    for name, group in group_metrics(metrics).items():
        values = [metric.value for metric in group]
        finite = [value for value in values if math.isfinite(value)]
        series.append(
            Series(
                name=name,
                count=len(group),
                first=_if_finite(values[0]),
                last=_if_finite(values[-1]),
                lowest=min(finite) if finite else UNSET,
                highest=max(finite) if finite else UNSET,
            )
        )
    return series


def _if_finite(value: float) -> Any:
    return value if math.isfinite(value) else UNSET


def _write_metrics(path: Path, metrics: Iterable[Metric]) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADER)
        writer.writerows((metric.seconds, metric.name, metric.value) for metric in metrics)


def _read_metrics(path: Path) -> list[Metric]:
    metrics: list[Metric] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            if tuple(next(rows, ())) != _HEADER:
                raise ValueError("its header is another one")
            for seconds, name, value in rows:
                metrics.append(Metric(float(seconds), name, float(value)))
                if len(metrics) > MAX_METRICS:
                    raise ValueError(f"it has more than {MAX_METRICS:,} metrics")
    except (ValueError, OSError, csv.Error) as error:
        raise Corrupt(f"{trainings.METRICS} of a record is damaged: {error}") from error
    return metrics
