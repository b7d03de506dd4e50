"""Errors under --json: one object on the last line of stderr, whatever goes wrong, and no NaN in any JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gitstore.cli import output
from gitstore.models.model import Model
from tests.support import models
from tests.support.commands import Outcome, Run


def told(outcome: Outcome) -> dict[str, Any]:
    """The object of a failed command, which printed no data."""
    assert outcome.stdout == ""
    whole = json.loads(outcome.stderr.splitlines()[-1], parse_constant=pytest.fail)
    assert list(whole) == ["error"]
    error: dict[str, Any] = whole["error"]
    assert error["exit_code"] == outcome.code
    return error


def test_a_failure_of_the_library(run: Run, model: Model) -> None:
    error = told(run("show", "v9", "--json", cwd=model.directory))
    assert (error["kind"], error["exit_code"], error["details"]) == ("error", 1, {})
    assert "v9" in error["message"]


def test_settings_that_are_invalid(run: Run, model: Model) -> None:
    (model.directory / "settings.yaml").write_text("name: digits\ntyps: 1\nfoo: 2\n")
    error = told(run("snapshot", "v1", "--json", cwd=model.directory))
    assert (error["kind"], error["exit_code"]) == ("bad_settings", 13)
    assert len(error["details"]["problems"]) == 2


def test_what_the_model_raises(run: Run, model: Model) -> None:
    (model.directory / "code" / "model.py").write_text(
        "class Model:\n"
        "    def __init__(self, state): raise ValueError('no\\x1b[31m')\n"
        "    def evaluate(self, values): pass\n"
    )
    error = told(run("evaluate", "-p", "values=[1]", "--json", cwd=model.directory))
    assert (error["kind"], error["details"]["at"]) == ("exception", "instantiate_model")
    assert "ValueError" in error["details"]["traceback"]


def test_a_wrong_command_line(run: Run, model: Model) -> None:
    for arguments in (["show", "--json"], ["frobnicate", "--json"], ["list", "--json", "--nonsense"]):
        error = told(run(*arguments, cwd=model.directory))
        assert (error["kind"], error["exit_code"]) == ("usage", 2), arguments


def test_outside_of_any_model(run: Run, tmp_path: Path) -> None:
    assert told(run("list", "--json", cwd=tmp_path))["kind"] == "not_a_model"


def test_what_the_file_system_says(run: Run, model: Model, tmp_path: Path) -> None:
    models.take(model, "v1")
    (tmp_path / "file").write_text("")
    error = told(run("export", "v1", str(tmp_path / "file" / "out"), "--json", cwd=model.directory))
    assert f"{tmp_path / 'file'}: " in error["message"]


def test_a_bug_with_its_traceback(run: Run, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Model, "identify", fail)
    error = told(run("list", "--json", cwd=model.directory))
    assert (error["kind"], error["exit_code"]) == ("bug", 255)
    assert "RuntimeError: broken" in error["details"]["traceback"]


def test_json_after_two_dashes_is_a_name(run: Run, model: Model) -> None:
    outcome = run("show", "--", "--json", cwd=model.directory)
    assert (outcome.code, outcome.stderr.startswith("error: ")) == (1, True)


def test_no_nan_in_the_metrics_of_a_training(run: Run, model: Model) -> None:
    (model.directory / "code" / "model.py").write_text(
        "class Model:\n"
        "    def __init__(self, state): pass\n"
        "    def train(self, tracker, **data):\n"
        "        for value in ('nan', 'inf', '-inf', '0.5'): tracker.metric('loss', float(value))\n"
        "    def save_state(self, out): (out / 'w').write_text('w')\n"
    )
    done = run("train", "-p", "values=[1]", "--json", cwd=model.directory)
    metrics = json.loads(done.stdout, parse_constant=pytest.fail)["metrics"]
    assert [metric["value"] for metric in metrics] == ["NaN", "Infinity", "-Infinity", 0.5]


def test_what_a_terminal_would_obey_is_escaped_in_json(capfd: pytest.CaptureFixture[str]) -> None:
    value = {"a\x9b1m": ["\x1b]0;x\x07", "\u202eabc", "b\udcff", "größe\x7f"], "n": (float("nan"),)}
    output.print_json(value)
    text = capfd.readouterr().out
    assert not any(character in text for character in "\x1b\x9b\u202e\x07\x7f")
    assert json.loads(text) == {**value, "n": ["NaN"]}
    sys.stdout.flush()
