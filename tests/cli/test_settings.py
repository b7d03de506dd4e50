from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Protocol

import pytest

from gitstore.cli.main import main
from gitstore.settings import Settings, parse, render
from tests.support.all_settings import ALL_KEYS


class Run(Protocol):
    def __call__(self, *arguments: str) -> tuple[int, str, str]: ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The command line in `tmp_path`; gives the exit code, stdout and stderr."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gitstore", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, out, err

    return run


BAD = "name: digits\nmax_durations: {train: 60}\nnmae: x\n"
BAD_PROBLEMS = [
    "settings.yaml:2: max_durations.train: '60' has no unit; write it like 60s, 10m or 24h",
    "settings.yaml:3: nmae: there is no such key; did you mean name?",
]


def test_check_good_settings(run: Run) -> None:
    Path("settings.yaml").write_text(ALL_KEYS)
    assert run("settings", "check") == (0, "", "settings.yaml: ok\n")
    assert run("settings", "check", "--json") == (0, '{\n  "ok": true,\n  "problems": []\n}\n', "")


def test_check_bad_settings(run: Run) -> None:
    Path("settings.yaml").write_text(BAD)
    assert run("settings", "check") == (13, "", "".join(f"error: {problem}\n" for problem in BAD_PROBLEMS))
    code, out, err = run("settings", "check", "--json")
    assert (code, json.loads(out), err) == (13, {"ok": False, "problems": BAD_PROBLEMS}, "")


def test_check_another_file(run: Run) -> None:
    Path("sub").mkdir()
    Path("sub/other.yaml").write_text("name:\n")
    line = "other.yaml:1: name: has no value; it must be text\n"
    assert run("settings", "check", "sub/other.yaml") == (13, "", f"error: sub/{line}")
    assert run("-C", "sub", "settings", "check", "other.yaml") == (13, "", f"error: {line}")
    assert run("settings", "check", "none.yaml") == (13, "", "error: none.yaml: there is no such file\n")
    assert run("settings", "check", "sub") == (13, "", "error: sub: is not a regular file\n")


def test_settings_of_a_parent_directory(run: Run) -> None:
    Path("settings.yaml").write_text("name: digits\n")
    Path("code/deep").mkdir(parents=True)
    assert run("-C", "code/deep", "settings", "check") == (0, "", "settings.yaml: ok\n")


def test_show(run: Run) -> None:
    Path("settings.yaml").write_text("name: digits\n")
    settings = Settings(name="digits")
    assert run("settings", "show") == (0, render(settings), "")
    code, out, err = run("settings", "show", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["default_launchers"]["train"]["memory"] == 1024**3
    assert parse(render(settings).encode()) == settings


def test_show_bad_settings(run: Run) -> None:
    Path("settings.yaml").write_text(BAD)
    assert run("settings", "show") == (13, "", "".join(f"error: {problem}\n" for problem in BAD_PROBLEMS))


@pytest.mark.parametrize("verb", ["check", "show"])
def test_not_a_model(run: Run, tmp_path: Path, verb: str) -> None:
    assert run("settings", verb) == (
        10,
        "",
        f"error: {tmp_path}: there is no settings.yaml here or above\n"
        "hint: create a model with `gitstore init`, or name one with -C DIR\n",
    )


def test_schema_needs_no_model(run: Run) -> None:
    code, out, err = run("settings", "schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("verb", [[], ["check"], ["show"], ["schema"]])
def test_help_has_an_example(run: Run, verb: list[str]) -> None:
    code, out, err = run("settings", *verb, "--help")
    assert (code, err) == (0, "")
    assert "Examples:\n    gitstore settings" in out
