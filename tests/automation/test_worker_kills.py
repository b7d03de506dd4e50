"""Commands and workers that are killed: no event is lost, none is told twice, all are delivered."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gitstore.automation.place import LocalPlace
from gitstore.automation.worker import Worker
from gitstore.events import journal
from gitstore.models.model import Model
from gitstore.outbox import listing
from gitstore.outbox.events import SnapshotCreated, SnapshotDeleted
from tests.support import scenes
from tests.support.commands import GITSTORE, Fsck
from tests.support.receiver import SECRET, receiving

WORK = """
import sys
from pathlib import Path
from gitstore.automation.place import LocalPlace
from gitstore.automation.worker import Worker
from gitstore.git.repository import Repository
Worker(LocalPlace(Repository.discover(Path(sys.argv[1]))), lease=0.5).work_once()
"""


def kill_after(command: list[str], directory: Path, seconds: float) -> None:
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_whatever_is_killed(tmp_path: Path, request: pytest.FixtureRequest, fsck: Fsck) -> None:
    model = Model.open(scenes.snapshot(tmp_path).repository.directory)
    journal.create(model.repository)
    chance, rounds = random.Random(11), request.config.getoption("kills")
    with receiving() as receiver:
        action = f'{{url: "{receiver.url}", secret: {SECRET}, allow_private: true}}'
        text = (
            f"automation:\n  - {{name: hook, on: [snapshot.created, snapshot.deleted], webhook: {action}}}\n"
        )
        (model.repository.common / "automation.yaml").write_text(text)
        for number in range(rounds):
            take = [str(GITSTORE), "snapshot", f"k{number}"]
            kill_after(take, model.directory, chance.uniform(0.2, 1.0))
            if number % 2:
                remove = [str(GITSTORE), "rm", "--yes", f"k{number - 1}"]
                kill_after(remove, model.directory, chance.uniform(0.3, 1.0))
            kill_after([sys.executable, "-c", WORK, "."], model.directory, chance.uniform(0.2, 0.9))
        finish(model)
    with journal.opened(model.repository) as connection:
        events = listing.list_events(connection)
    created = Counter(one.event.subject for one in events if isinstance(one.event, SnapshotCreated))
    deleted = Counter(one.event.subject for one in events if isinstance(one.event, SnapshotDeleted))
    here = {ref.removeprefix("refs/tags/") for ref, _ in model.repository.refs.below("refs/tags/")} - {"v1"}
    assert set(created.values()) <= {1} and set(deleted.values()) <= {1}
    assert created.keys() - deleted.keys() == here
    assert deleted.keys() <= created.keys()
    assert {one.id for one in events} == set(receiver.ids)
    fsck(model.repository)


def finish(model: Model) -> None:
    """Work until nothing waits: the leases of killed workers have to end first."""
    deadline = time.monotonic() + 30
    waiting = True
    while waiting:
        Worker(LocalPlace(model.repository), lease=0.5).work_once()
        with journal.opened(model.repository) as connection:
            waiting = bool(listing.list_events(connection, state="waiting"))
        assert time.monotonic() < deadline
        time.sleep(0.05 if waiting else 0)
