"""A worker that is ended, as a service manager does it."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from gitstore.events import journal
from gitstore.models.model import Model
from tests.support import models, scenes
from tests.support.commands import GITSTORE


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
