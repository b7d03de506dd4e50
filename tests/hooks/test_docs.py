"""docs/hooks.md: its keys are those that hooks read, and its examples work."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gitstore.events.events import EVENTS
from tests.events.test_dispatch import RECORD, hook, records
from tests.support import spawning
from tests.support.commands import Git, Outcome, Run
from tests.support.models import make, refs

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
URL = "https://hooks.example.org/gitstore"


def keys(section: str) -> set[str]:
    """The keys in the first table below a heading."""
    found = re.search(rf"^##+ {section}\n.*?^\| key \|.*?\n\|.*?\n(.*?)^\n", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, section
    return {key for row in found[1].splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])}


def example(name: str, number: int = 0) -> str:
    """The text of a hook in the documentation."""
    blocks: list[str] = re.findall(r"^```(?:sh|python)\n(#!.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [each for each in blocks if f"\n# .git/hooks/{name}\n" in each][number]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and a PATH on which hooks find this gitstore and this Python."""
    monkeypatch.setenv("PATH", f"{spawning.stand_ins()}{os.pathsep}{os.environ['PATH']}")
    return make(tmp_path / "große zahlen").directory


def test_every_hook_reads_what_is_documented(run: Run, here: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for name in EVENTS:
        hook(here, name, RECORD.format(log=log))
    for arguments in (
        ("train", "-p", "values=[1]", "--use"),
        ("snapshot", "v1"),
        ("evaluate", "v1", "-p", "values=[1]"),
        ("derive", "v1", "dogs"),
        ("rm", "v1", "--force", "--yes"),
    ):
        assert run(*arguments, cwd=here).code == 0, arguments
    found = {each["hook"]: each for each in records(log)}
    assert found.keys() == EVENTS.keys()
    always = keys("What they read")
    for name, event in found.items():
        assert event.keys() == always | keys(name), name
    assert found["post-derive"]["directory"] == str(here.parent / "dogs")


def test_the_examples_by_hand_have_the_same_keys(run: Run, here: Path) -> None:
    run("snapshot", "v1", cwd=here)
    for name in EVENTS:
        printed = json.loads(run("hooks", "run", name, "--dry-run", cwd=here).stdout)
        assert printed.keys() == keys("What they read") | keys(name), name


def test_every_hook_is_in_the_table() -> None:
    table = re.search(r"^\| hook \|.*?\n\n", PAGE, re.DOTALL | re.MULTILINE)
    assert table is not None
    assert re.findall(r"^\| `([\w-]+)`", table[0], re.MULTILINE) == list(EVENTS)


def test_refuse_a_snapshot_with_a_loss_above_a_bound(run: Run, here: Path) -> None:
    model = here / "code" / "model.py"
    model.write_text(model.read_text().replace('metric("factor"', 'metric("loss"'))
    hook(here, "post-train", example("post-train"))
    hook(here, "pre-snapshot", example("pre-snapshot"))
    assert run("train", "-p", "values=[1]", "--use", cwd=here).code == 0
    code, _, stderr = run("snapshot", "v1", cwd=here)
    said = "error: the hook pre-snapshot refused: the loss of trained-1 is 2.0, above 0.5"
    assert (code, stderr.splitlines()[0]) == (1, said)
    hook(here, "pre-snapshot", example("pre-snapshot").replace("LIMIT = 0.5", "LIMIT = 5"))
    assert run("snapshot", "v1", cwd=here).code == 0


def test_push_after_each_snapshot(run: Run, here: Path, git: Git) -> None:
    git("init", "--quiet", "--bare", "../up.git", cwd=here)
    git("remote", "add", "origin", "../up.git", cwd=here)
    hook(here, "post-snapshot", example("post-snapshot"))
    outcome = run("snapshot", "v1", "-m", 'with "ref": "x" in it', cwd=here)
    assert (outcome.code, "warning" in outcome.stderr) == (0, False)
    assert git("tag", cwd=here.parent / "up.git") == "v1\n"


@pytest.fixture
def server() -> Iterator[tuple[str, list[object]]]:
    """A server on this machine, and what it was sent."""
    heard: list[object] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/", heard
        listening.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_tell_a_server(run: Run, here: Path, server: tuple[str, list[object]]) -> None:
    url, heard = server
    hook(here, "post-state", example("post-state").replace(URL, url))
    assert run("state", "save", cwd=here).stderr.startswith("Saved state initial")
    (event,) = heard
    assert isinstance(event, dict) and event["change"] == "saved"


def test_a_snapshot_after_each_training(run: Run, here: Path) -> None:
    hook(here, "post-train", example("post-train", 1))
    outcome = run("train", "-p", "values=[1]", cwd=here)
    assert "Took snapshot trained-1 of digits with state trained-1" in outcome.stderr
    assert "refs/tags/trained-1" in refs(here)


def test_keep_what_is_released(run: Run, here: Path) -> None:
    hook(here, "pre-rm", example("pre-rm"))
    for name in ("v1.0", "try"):
        run("snapshot", name, cwd=here)
    code, _, stderr = run("rm", "v1.0", "try", "--yes", cwd=here)
    assert (code, "error: the hook pre-rm refused: released snapshots stay" in stderr) == (1, True)
    assert isinstance(run("rm", "try", "--yes", cwd=here), Outcome)
    assert {"refs/tags/v1.0", "refs/tags/try"} & refs(here).keys() == {"refs/tags/v1.0"}
