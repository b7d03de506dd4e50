"""A worker of a store: rules of store.yaml, events of the ledger, actions in bare repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.automation.store_place import StorePlace
from gitstore.automation.worker import Worker
from gitstore.errors import BadSettings
from gitstore.ledger.ledger import Ledger
from gitstore.models import alias as aliases
from gitstore.models.model import Model
from gitstore.outbox import listing
from gitstore.outbox.events import ModelEvent, type_of
from gitstore.store.store import Store
from tests.support import scenes
from tests.support.commands import Git
from tests.support.receiver import SECRET, receiving

HEAD = "owners: {ada: {members: {ada: admin}}}\n"


@pytest.fixture
def store(tmp_path: Path, git: Git) -> Store:
    """A store with ada/digits, which somebody has copied there."""
    scenes.snapshot(tmp_path, "v1", "v2")
    root = tmp_path / "store"
    (root / "ada").mkdir(parents=True)
    git("clone", "--quiet", "--mirror", "digits", str(root / "ada" / "digits.git"), cwd=tmp_path)
    git("config", "user.name", "Operator", cwd=root / "ada" / "digits.git")
    (root / "store.yaml").write_text(HEAD)
    return Store.open(root)


def rules(store: Store, *lines: str) -> None:
    text = "".join(f"  - {line}\n" for line in lines)
    store.config_path.write_text(f"{HEAD}automation:\n{text}")


def told(store: Store) -> list[ModelEvent]:
    with Ledger.open(store.ledger_path) as ledger:
        return [stored.event for stored in listing.list_events(ledger.connection)]


def names(store: Store) -> list[tuple[str, str]]:
    return [(type_of(event), event.subject) for event in told(store)]


def work(store: Store) -> int:
    return Worker(StorePlace(store)).work_once()


def test_what_no_hook_told_is_told_by_the_worker(store: Store) -> None:
    with receiving() as receiver:
        action = f'{{url: "{receiver.url}", secret: {SECRET}, allow_private: true}}'
        rules(store, f"{{name: hook, on: [snapshot.created], owner: ada, match: v2, webhook: {action}}}")
        assert work(store) == 1
        assert work(store) == 0
    (event,) = receiver.events
    assert event["source"] == store.root.as_uri()
    assert (event["data"]["owner"], event["data"]["model"]) == ("ada", "digits")
    assert event["subject"] == "ada/digits v2"
    assert names(store)[0] == ("model.created", "ada/digits")
    assert ("snapshot.created", "v1") in names(store)


def test_actions_in_a_store_are_charged_and_told(store: Store) -> None:
    rules(
        store,
        '{name: bench, on: [snapshot.created], evaluate: {record: bench, inputs: ["values=[1.0]"]}}',
        "{name: promote, on: [evaluation.finished], match: v2, alias: {name: staging, require: [bench]}}",
    )
    assert work(store) == 3
    model = Model.identify(store.find_model("ada/digits").directory)
    assert aliases.get_alias(model, "staging").move.new.snapshot == "v2"
    assert names(store)[-3:] == [
        ("evaluation.finished", "v1"),
        ("evaluation.finished", "v2"),
        ("alias.moved", "staging"),
    ]
    with Ledger.open(store.ledger_path) as ledger:
        assert {ref for ref in ledger.refs("ada/digits") if not ref.startswith("refs/tags/")} >= {
            "refs/aliases/staging",
            "refs/notes/evaluations",
        }


def test_rules_are_checked_with_their_lines(store: Store) -> None:
    rules(store, "{name: a, on: [snapshot.made], run: {command: [/x]}}")
    with pytest.raises(BadSettings, match=r"store\.yaml:3: automation\[0\]\.on\[0\]: 'snapshot\.made'"):
        work(store)


def test_a_model_that_is_gone_is_no_bug(store: Store) -> None:
    rules(store, '{name: bench, on: [snapshot.created], evaluate: {record: b, inputs: ["values=[1.0]"]}}')
    place = StorePlace(store)
    with place.open() as connection:
        place.reconcile(connection, now=1)
    store.find_model("ada/digits").directory.rename(store.root.parent / "moved")
    assert work(store) == 2
    with place.open() as connection:
        deliveries = [one for stored in listing.list_events(connection) for one in stored.deliveries]
    assert {delivery.state for delivery in deliveries} == {"waiting"}
    assert "digits" in (deliveries[0].log[0].detail or "")
