"""The commands of automation in a store, as a group gets them; and a worker that is ended."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gitstore.cli.commands.automation.store import add_commands
from gitstore.events import journal
from gitstore.ledger.ledger import Ledger
from gitstore.models.model import Model
from gitstore.outbox import listing
from gitstore.store.store import Store
from tests.support import models, scenes
from tests.support.commands import GITSTORE, Git


@pytest.fixture
def root(tmp_path: Path, git: Git) -> Path:
    """A store with ada/digits, and a rule."""
    scenes.snapshot(tmp_path)
    root = tmp_path / "store"
    (root / "ada").mkdir(parents=True)
    git("clone", "--quiet", "--mirror", "digits", str(root / "ada" / "digits.git"), cwd=tmp_path)
    rule = "{name: note, on: [snapshot.created], run: {command: [/bin/echo, done]}}"
    (root / "store.yaml").write_text(f"owners: {{ada: {{members: {{ada: admin}}}}}}\nautomation: [{rule}]\n")
    return root


def test_worker_and_events_of_a_store(root: Path) -> None:
    group = click.Group()
    add_commands(group, lambda _: Store.open(root))
    runner = CliRunner()

    def run(*words: str) -> str:
        result = runner.invoke(group, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert "1 delivery tried" in run("worker", "--once")
    assert "snapshot.created  ada/digits  v1          1 delivered" in run("events", "list")
    event_id = list_events(root)[-1].id
    assert "rule note: delivered" in run("events", "show", event_id)
    assert '"state": "waiting"' in run("events", "redeliver", event_id, "--json")
    assert "gitstore store events list" in run("events", "list", "--help")


def list_events(root: Path) -> list[listing.StoredEvent]:
    with Ledger.open(Store.open(root).ledger_path) as ledger:
        return listing.list_events(ledger.connection)


def test_sigterm_ends_a_worker(tmp_path: Path) -> None:
    model = Model.open(scenes.snapshot(tmp_path).repository.directory)
    journal.create(model.repository)
    rule = "{name: note, on: [snapshot.created], run: {command: [/bin/true]}}"
    (model.repository.common / "automation.yaml").write_text(f"automation: [{rule}]\n")
    models.take(model, "v2")
    process = subprocess.Popen(
        [GITSTORE, "automation", "work"], cwd=model.directory, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "note: v2: exit code 0\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
