"""kill -9 of a store's worker at each step of an action: the next one does the rest, and nothing twice.

A webhook that was sent and not yet marked is sent again, with the same id. Workers at random instants, beside
pushes that are killed, are in tests/whole/test_store_crashes.py.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gitstore.automation import store_place
from gitstore.automation import worker as worker_module
from gitstore.automation.actions import move_alias, webhook
from gitstore.automation.store_place import StorePlace
from gitstore.automation.worker import LEASE, Worker
from gitstore.events import journal
from gitstore.git.refs import Refs
from gitstore.ledger.ledger import Ledger
from gitstore.models import alias as aliases
from gitstore.models.model import Model
from gitstore.outbox import deliveries
from gitstore.outbox.events import type_of
from gitstore.outbox.listing import list_events
from gitstore.records import evaluations
from gitstore.run import evaluation
from gitstore.run.recording import evaluations as recording
from gitstore.store.audit import audit
from gitstore.store.names import parse_snapshot_name
from gitstore.store.store import Store
from tests.support import combinations, scenes
from tests.support.commands import Fsck, git
from tests.support.processes import die, run_forked
from tests.support.receiver import SECRET, Receiver, receiving

RULES = """\
owners: {{ada: {{members: {{ada: admin}}}}}}
automation:
  - {{name: bench, on: [snapshot.created], evaluate: {{record: bench, inputs: ["values=[1.0]"]}}}}
  - {{name: promote, on: [evaluation.finished], alias: {{name: staging, require: [bench]}}}}
  - {{name: hook, on: [snapshot.created, evaluation.finished, alias.moved],
     webhook: {{url: "{url}", secret: {secret}, allow_private: true}}}}
"""


class Step(NamedTuple):
    """Where a worker is killed: when it calls a function, or after that function has done its work."""

    owner: Any
    name: str
    is_done: bool = False


STEPS = {
    "delivery sent, not marked": Step(webhook, "deliver", is_done=True),
    "delivery chosen": Step(deliveries, "select", is_done=True),
    "delivery claimed": Step(worker_module, "act"),
    "evaluation begins": Step(evaluation, "evaluate_snapshot"),
    "record written, not told": Step(journal, "observe"),
    "evaluated": Step(recording, "describe_run"),
    "objects of the record written": Step(Refs, "change"),
    "refs of the record written": Step(Refs, "change", is_done=True),
    "event reserved with its row": Step(Ledger, "settle"),
    "event written": Step(store_place.StorePlace, "settle", is_done=True),
    "alias about to move": Step(move_alias, "set_alias"),
    "delivery about to be sent": Step(webhook, "deliver"),
    "alias moved, not told": Step(move_alias, "move", is_done=True),
    "delivery marked, not committed": Step(deliveries, "finish", is_done=True),
    "delivery marked": Step(Worker, "_finish", is_done=True),
}
"""The suite has the first of each four."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with ada/digits, which somebody has copied there with v1."""
    scenes.snapshot(tmp_path)
    root = tmp_path / "store"
    (root / "ada").mkdir(parents=True)
    git("clone", "--quiet", "--mirror", "digits", str(root / "ada" / "digits.git"), cwd=tmp_path)
    (root / "store.yaml").write_text("")
    place = StorePlace(Store.open(root))
    with place.open() as connection:
        place.reconcile(connection, now=journal.read_clock())  # tells of v1
    return place.store


@combinations.sample(4)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_worker_that_is_killed(
    store: Store, step: Step, monkeypatch: pytest.MonkeyPatch, fsck: Fsck
) -> None:
    with receiving() as receiver:
        store.config_path.write_text(RULES.format(url=receiver.url, secret=SECRET))
        with monkeypatch.context() as patch:
            patch.setattr(step.owner, step.name, make_deadly(step))
            assert run_forked(Worker(StorePlace(store)).work_once) == -signal.SIGKILL
        # A minute later, the lease of the killed one is over.
        Worker(StorePlace(store), clock=lambda: journal.read_clock() + 2 * round(LEASE * 1e6)).work_once()
        check(store, receiver, is_sent_twice=step == STEPS["delivery sent, not marked"])
    fsck(store.find_model("ada/digits").directory)


def make_deadly(step: Step) -> Callable[..., object]:
    """The function, at whose call or end the process is killed."""
    function = getattr(step.owner, step.name)

    def work_and_die(*arguments: object, **options: object) -> None:
        function(*arguments, **options)
        die()

    return work_and_die if step.is_done else die


def check(store: Store, receiver: Receiver, *, is_sent_twice: bool) -> None:
    """All was done once: the record, the move, their events; and each event was delivered, with its id."""
    model = Model.identify(store.find_model("ada/digits").directory)
    with store.ledger() as ledger:
        events = list_events(ledger.connection)
        assert ledger.pending() == []
        assert audit(store, ledger).problems == []
    snapshot = store.find_model("ada/digits").read_snapshot(parse_snapshot_name("ada/digits@v1"))
    moves = list(aliases.list_moves(model.repository, aliases.get_alias(model, "staging")))
    assert [move.new.snapshot for move in moves] == ["v1"]
    assert [record.name for record in evaluations.list_records(snapshot)] == ["bench"]
    assert Counter(type_of(one.event) for one in events) == {
        "model.created": 1, "snapshot.created": 1, "evaluation.finished": 1, "alias.moved": 1,
    }  # fmt: skip
    assert {delivery.state for one in events for delivery in one.deliveries} == {"delivered"}
    sent = Counter(receiver.ids)
    assert sent.keys() == {one.id for one in events if type_of(one.event) != "model.created"}
    assert sum(sent.values()) == 3 + is_sent_twice
