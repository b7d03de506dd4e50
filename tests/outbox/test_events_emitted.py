"""Each type of event: what causes it, locally and in a store, and that it is told once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gitstore.aliases.move import remove_alias, roll_back, set_alias
from gitstore.aliases.write_move import Reason
from gitstore.automation.store_place import StorePlace
from gitstore.automation.worker import Worker
from gitstore.derive import remove as models_rm
from gitstore.derive import worktree
from gitstore.errors import GitstoreError, InvalidInput, ModelException
from gitstore.events import journal
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.outbox.events import EVENT_TYPES, EvaluationFailed, EvaluationFinished, ModelEvent, type_of
from gitstore.outbox.listing import list_events
from gitstore.run.evaluation import LocalLauncher
from gitstore.run.recording.evaluations import evaluate_and_record
from gitstore.run.values.inputs import Arrays
from gitstore.snapshots import remove, rename
from gitstore.states.save import save_state
from gitstore.store.access import OPERATOR
from gitstore.store.audit import audit
from gitstore.store.derive import derive_model
from gitstore.store.names import parse_model_name, parse_snapshot_name
from gitstore.store.remove import remove_model, remove_snapshots
from gitstore.store.store import Store
from tests.support import models, scenes, stores
from tests.support.commands import git

Told = list[tuple[str, str]]


class Step(NamedTuple):
    """Something that happens, and the events that it causes: their types, and whom they are about."""

    what: str
    do: Callable[[], object]
    told: Told


def check(steps: list[Step], tell: Callable[[], list[ModelEvent]]) -> list[ModelEvent]:
    """Take the steps, and compare what each of them tells. Returns all events."""
    seen = tell()
    for step in steps:
        step.do()
        now = tell()
        assert now[: len(seen)] == seen, step.what
        told = [(type_of(event), event.subject) for event in now[len(seen) :]]
        assert sorted(told) == sorted(step.told), step.what
        seen = now
    return seen


def build(root: Path) -> None:
    """digits with v1, which gives scalars and refuses numbers below zero; nothing is told of it."""
    model = models.make(root / "digits")
    models.retype(model, "products, types: [f64], shape: [-1]}", PRODUCTS)
    models.change(model, old='return {"products": values * self.factor * RATE}', new=CODE)
    models.take(model, "v1")


PRODUCTS = """products, types: [f64], shape: [-1]}
      - {name: total, types: [f64], shape: []}
      - {name: label, types: [string], shape: []}"""
CODE = """if (values < 0).any():
            raise ValueError("a negative value\\nof two lines")
        return {"products": values, "total": values.sum(), "label": "good"}"""


@pytest.fixture
def model(tmp_path: Path) -> Model:
    scenes.copy(build, tmp_path)
    model = Model.open(tmp_path / "digits")
    journal.create(model.repository)
    return model


def find(model: Model, name: str) -> Snapshot:
    return reference.resolve(name, model.directory)


def record(model: Model, name: str, *values: object, replacing: bool = False) -> None:
    launcher = LocalLauncher(models.user_conditions())
    inputs = Arrays({"values": np.array(values)})
    evaluate_and_record(find(model, "v1"), inputs, name=name, launcher=launcher, replacing=replacing)


def fails(model: Model, name: str, *values: object, kind: type[GitstoreError]) -> None:
    with pytest.raises(kind):
        record(model, name, *values)


def read_local(model: Model) -> list[ModelEvent]:
    with journal.opened(model.repository) as connection:
        return [stored.event for stored in list_events(connection)]


def remove_here(model: Model, *names: str) -> None:
    remove.remove(remove.plan_removal([find(model, name) for name in names]))


def test_each_event_of_a_local_repository(model: Model) -> None:
    steps = [
        Step("take", lambda: models.take(model, "v2"), [("snapshot.created", "v2")]),
        Step("save", lambda: save_state(model, "initial"), [("state.created", "initial")]),
        Step("save nothing new", lambda: save_state(model, "initial"), []),
        Step("record", lambda: record(model, "bench", 1.0, 2.5), [("evaluation.finished", "v1")]),
        Step(
            "record again",
            lambda: record(model, "bench", 2.0, replacing=True),
            [("evaluation.finished", "v1")],
        ),
        Step(
            "the model fails",
            lambda: fails(model, "low", -1.0, kind=ModelException),
            [("evaluation.failed", "v1")],
        ),
        Step("nothing was run", lambda: fails(model, "low", "x", kind=InvalidInput), []),
        Step(
            "an alias is set",
            lambda: set_alias(model, "best", find(model, "v1"), reason=Reason()),
            [("alias.moved", "best")],
        ),
        Step(
            "it moves",
            lambda: set_alias(model, "best", find(model, "v2"), reason=Reason()),
            [("alias.moved", "best")],
        ),
        Step("it is there", lambda: set_alias(model, "best", find(model, "v2"), reason=Reason()), []),
        Step("it moves back", lambda: roll_back(model, "best", Reason()), [("alias.moved", "best")]),
        Step("it is removed", lambda: remove_alias(model, "best"), [("alias.moved", "best")]),
        Step("rename", lambda: rename.rename(find(model, "v2"), "two"), [("snapshot.renamed", "two")]),
        Step(
            "derive",
            lambda: worktree.derive(find(model, "v1"), "dogs", model.directory.parent / "dogs"),
            [("model.derived", "dogs"), ("state.created", "dogs@initial")],
        ),
        Step(
            "remove a model",
            lambda: models_rm.remove(models_rm.plan_removal(model, "dogs")),
            [("model.deleted", "dogs")],
        ),
        Step("remove", lambda: remove_here(model, "two"), [("snapshot.deleted", "two")]),
    ]
    events = check(steps, lambda: read_local(model))
    told = {type_of(event) for event in events}
    assert told == EVENT_TYPES.keys() - {"model.created", "quota.warning"}  # those of a store alone
    finished, again = (event for event in events if isinstance(event, EvaluationFinished))
    assert (finished.outputs, again.outputs) == (
        {"total": 3.5, "label": "good"},
        {"total": 2.0, "label": "good"},
    )
    (failed,) = (event for event in events if isinstance(event, EvaluationFailed))
    assert (failed.record, failed.kind, failed.tag) == ("low", "exception", str(find(model, "v1").tag_oid))
    assert "a negative value" in failed.reason and "\n" not in failed.reason


CONFIG = """\
owners:
  ada:
    members: {ada: admin}
    models: {full: {quota: {hard: 100KB}}}
"""
RULE = """\
automation:
  - {name: low, on: [snapshot.created], match: v1, evaluate: {record: low, inputs: ["values=[-1.0]"]}}
"""


def test_each_event_of_a_store(model: Model, tmp_path: Path) -> None:
    store = stores.make_store(tmp_path / "store", CONFIG)
    record(model, "bench", 1.0, 2.5)
    save_state(model, "initial")
    models.put(model, "initial", {"weights": models.noise(90_000)})
    models.take(model, "v2")
    set_alias(model, "best", find(model, "v2"), reason=Reason())
    set_alias(model, "best", find(model, "v1"), reason=Reason("better"))
    everything = ["refs/tags/v1", "refs/states/*", "refs/notes/*", "refs/records/*", "refs/aliases/*"]
    full, fine = parse_model_name("ada/full"), parse_model_name("ada/fine")
    base = parse_snapshot_name("ada/full@v1")
    steps = [
        Step("create", lambda: stores.add_model(store, "ada/full"), [("model.created", "ada/full")]),
        Step(
            "push",
            lambda: push(model, store, "main", *everything),
            [
                ("snapshot.created", "v1"),
                ("state.created", "initial"),
                ("evaluation.finished", "v1"),
                ("alias.moved", "best"),
                ("alias.moved", "best"),
            ],
        ),
        Step("push nothing new", lambda: push(model, store, "main", *everything), []),
        Step(
            "push another name",
            lambda: push_renamed(model, store),
            [("snapshot.created", "one"), ("alias.moved", "best")],
        ),
        Step("a rule's evaluation fails", lambda: evaluate(store), [("evaluation.failed", "v1")]),
        Step(
            "push nearly all that fits",
            lambda: push(model, store, "refs/tags/v2"),
            [("snapshot.created", "v2"), ("quota.warning", "ada/full")],
        ),
        Step(
            "derive",
            lambda: derive_model(store, base, fine, user=OPERATOR, process=os.getpid(), now=stores.NOW),
            [("model.derived", "ada/fine")],
        ),
        Step(
            "remove a snapshot",
            lambda: remove_snapshots(
                store, [parse_snapshot_name("ada/full@v2")], user=OPERATOR, now=stores.NOW
            ),
            [("snapshot.deleted", "v2")],
        ),
        Step(
            "remove a model",
            lambda: remove_model(store, full, user=OPERATOR, now=stores.NOW),
            [("model.deleted", "ada/full")],
        ),
    ]
    events = check(steps, lambda: read_stored(store))
    assert {type_of(event) for event in events} == EVENT_TYPES.keys() - {"snapshot.renamed"}
    (here,) = (event for event in read_local(model) if isinstance(event, EvaluationFinished))
    (there,) = (event for event in events if isinstance(event, EvaluationFinished))
    assert (there.outputs, there.record, there.tag) == (here.outputs, here.record, here.tag)
    assert there.outputs == {"total": 3.5, "label": "good"}
    with store.ledger() as ledger:
        assert audit(store, ledger).problems == []


def push(model: Model, store: Store, *refs: str) -> None:
    specs = [f"{ref}:{ref}" for ref in refs]
    git(
        "push",
        "--quiet",
        "--atomic",
        str(store.path(parse_model_name("ada/full"))),
        *specs,
        cwd=model.directory,
    )


def push_renamed(model: Model, store: Store) -> None:
    """The record comes with the new name; the snapshot and its record under the old one stay there."""
    rename.rename(find(model, "v1"), "one")
    push(model, store, "refs/tags/one", "refs/notes/*", "refs/records/*", "refs/aliases/*")


def evaluate(store: Store) -> None:
    store.config_path.write_text(CONFIG + RULE)
    assert Worker(StorePlace(store)).work_once() == 1


def read_stored(store: Store) -> list[ModelEvent]:
    with store.ledger() as ledger:
        return [stored.event for stored in list_events(ledger.connection)]
