"""A worker of a store: rules of store.yaml, events of the ledger, actions in bare repositories."""

from __future__ import annotations

import subprocess
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
from tests.support import scenes, stores
from tests.support.commands import Git, Run
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


def test_events_of_a_push_wait_for_the_worker(tmp_path: Path) -> None:
    """The hooks append, in the ledger's transaction; nothing has to be reconciled."""
    store = stores.make_store(tmp_path / "store", f"{HEAD}automation: []\n")
    stores.make_pushed(store, tmp_path / "digits", "v1")
    assert names(store) == [("model.created", "ada/digits"), ("snapshot.created", "v1")]
    created = told(store)[1]
    rule = "{name: note, on: [snapshot.created], run: {command: [/bin/true]}}"
    store.config_path.write_text(f"{HEAD}automation: [{rule}]\n")
    assert work(store) == 1
    assert told(store)[1] == created and len(told(store)) == 2


def test_a_push_of_a_protected_alias_meets_its_gate(tmp_path: Path, run: Run, git: Git) -> None:
    gate = "aliases: [{name: production, role: write, gate: [bench]}]\n"
    store = stores.make_store(tmp_path / "store", f"{HEAD}{gate}")
    local = stores.make_pushed(store, tmp_path / "digits", "v1")
    assert run("alias", "set", "production", "v1", cwd=local.directory).code == 0
    command = ["git", "push", "origin", "refs/aliases/production"]
    refused = subprocess.run(command, cwd=local.directory, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "alias-gate" in refused.stderr and "no evaluation bench was recorded" in refused.stderr
    assert run("evaluate", "v1", "-p", "values=[1.0]", "--record", "bench", cwd=local.directory).code == 0
    git("push", "--quiet", "origin", "refs/notes/*", "refs/records/*", cwd=local.directory)
    git("push", "--quiet", "origin", "refs/aliases/production", cwd=local.directory)
    assert names(store)[-2:] == [("evaluation.finished", "v1"), ("alias.moved", "production")]
