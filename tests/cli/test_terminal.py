"""What a terminal gets: nothing that it would obey but our own colours, columns that hold, git's pager."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gitstore.cli import output, terminal
from gitstore.cli.render import diff as differences
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.text import harmless
from tests.support import scenes
from tests.support.commands import Git, Gitstore, Run
from tests.support.models import make, put, take
from tests.support.screens import screen
from tests.support.training import code

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202ecod.exe\r"
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def obeyed(printed: bytes) -> list[str]:
    """Characters that a terminal obeys, in what it got, but for colours and the ends of lines."""
    text = COLOUR.sub(b"", printed).decode()
    return [character for character in text if harmless(character) != character]


class TestNothingIsObeyed:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Model:
        """Escapes in a tag's message, in code, in names of files of the code and the state."""
        scenes.copy(self.make, tmp_path)
        return Model.open(tmp_path / "digits")

    @staticmethod
    def make(root: Path) -> None:
        model = make(root / "digits")
        (model.directory / "states" / "initial" / f"w{EVIL}").write_text("w")
        take(model, "v1", message=f"first {EVIL}")
        (model.directory / "code" / "model.py").write_text(f"# \x1b[31m{EVIL}\n")
        (model.directory / "code" / f"x{EVIL}.py").write_text("")
        take(model, "v2", message=f"first {EVIL}")

    def test_on_a_terminal(self, model: Model) -> None:
        for command in (
            "list",
            "log",
            "show v1",
            "diff v1 --no-progress",
            "diff v1 v2 -p --no-progress",
            "status --no-progress",
        ):
            printed = screen("--no-pager", *command.split(), cwd=model.directory)
            assert (command, obeyed(printed)) == (command, [])
            assert printed, command

    def test_data_in_a_pipe_is_exact_and_messages_are_not(self, model: Model, gitstore: Gitstore) -> None:
        assert "+# \x1b[31m\x1b]0;owned\x07" in gitstore("diff", "v1", "v2", "-p", cwd=model.directory).stdout
        assert "\x1b" not in gitstore("show", f"a{EVIL}", cwd=model.directory).stderr

    def test_what_a_model_prints(self, model: Model) -> None:
        (model.directory / "code" / "model.py").write_text(
            "import os, subprocess, sys\n"
            f"EVIL = {EVIL!r}\n"
            "class Model:\n"
            "    def __init__(self, state):\n"
            "        print('printed', EVIL)\n"
            "        os.write(2, ('written' + EVIL).encode())\n"
            "        subprocess.run(['printf', 'child\\\\033[2J'])\n"
            "        raise ValueError(EVIL)\n"
            "    def evaluate(self, values): pass\n"
        )
        printed = screen("evaluate", "-p", "values=[1]", cwd=model.directory, installed=True)
        assert set(obeyed(printed)) <= {"\r"}
        assert b"printed \\x1b]0;owned\\x07" in printed
        assert b"written\\x1b" in printed
        assert b"child\\x1b[2J" in printed
        assert printed.index(b"child") < printed.index(b"error: instantiate_model: ValueError")


def test_only_colours_that_a_text_does_not_have_itself_are_kept() -> None:
    text = "+a \x1b[32mb\n"
    coloured = "\x1b[32m+\x1b[m\x1b[32ma \x1b[32mb\x1b[m\n"
    shown = differences._coloured(text, coloured)
    assert shown.count("\\x1b[32m") == 1
    assert COLOUR.sub(b"", shown.encode()).decode() == "+a \\x1b[32mb\n"
    assert differences._coloured("a\x1b[1mb", "something else") == "a\\x1b[1mb"


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("größe", 5), ("重み", 4), ("e\u0301", 1), ("\u200bx", 1), ("", 0), ("\ufdd0v1\ufdef", 2)],
)
def test_columns(text: str, columns: int) -> None:
    assert terminal.width(text) == columns
    assert terminal.width(terminal.padded(text, 8)) == 8


def test_a_table_of_wide_names(capfd: pytest.CaptureFixture[str]) -> None:
    output.print_table(["NAME", "SIZE"], [["重み", "1"], ["e\u0301", "22"]], right=[1])
    assert capfd.readouterr().out == "NAME  SIZE\n重み     1\ne\u0301       22\n"


class TestPagerAndColours:
    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        return scenes.snapshot(tmp_path).repository.directory

    @pytest.fixture
    def pager(self, git: Git, directory: Path) -> None:
        git("config", "core.pager", "sed 's/^/PAGED /'", cwd=directory)

    @pytest.mark.usefixtures("pager")
    def test_the_pager_of_git(self, directory: Path) -> None:
        (directory / "code" / "more.py").write_text("")
        for command in ("list", "log", "show v1", "diff v1 --no-progress"):
            lines = screen(*command.split(), cwd=directory).splitlines()
            assert lines, command
            assert all(line.startswith(b"PAGED ") for line in lines), command
            assert b"PAGED" not in screen("--no-pager", *command.split(), cwd=directory), command

    @pytest.mark.usefixtures("pager")
    def test_variables_come_first_and_neither_json_nor_pipes_are_paged(
        self, directory: Path, gitstore: Gitstore
    ) -> None:
        assert b"PAGED" not in screen("list", cwd=directory, variables={"GIT_PAGER": "cat"})
        assert b"PAGED" not in screen("list", "--json", cwd=directory)
        assert "PAGED" not in gitstore("list", cwd=directory).stdout
        printed = screen("list", cwd=directory, variables={"GIT_PAGER": "no-such-pager"})
        assert b"warning: the pager no-such-pager cannot be started" in printed

    def test_a_reader_who_stops(self, directory: Path) -> None:
        assert screen("show", "v1", cwd=directory, variables={"GIT_PAGER": "true"}) == b""

    def test_colours_as_git_has_them(self, git: Git, directory: Path) -> None:
        (directory / "code" / "model.py").write_text("")
        for setting, variables, coloured in (
            (None, {}, True),
            (None, {"NO_COLOR": "1"}, False),
            (None, {"TERM": "dumb"}, False),
            ("never", {}, False),
            ("always", {}, True),
        ):
            if setting:
                git("config", "color.ui", setting, cwd=directory)
            printed = screen("--no-pager", "diff", "v1", "--no-progress", cwd=directory, variables=variables)
            assert bool(COLOUR.search(printed)) is coloured, (setting, variables)


def test_hints_of_the_repository_that_is_meant(run: Run, tmp_path: Path) -> None:
    """From elsewhere, they name the directory."""
    scenes.snapshot(tmp_path)
    directory, above = tmp_path / "digits", tmp_path

    def hint(*arguments: str, cwd: Path) -> str:
        return run(*arguments, cwd=cwd).stderr.splitlines()[-1].removeprefix("hint: ")

    for reference, expected in (
        ("../digits@v11", "did you mean ../digits@v1?"),
        ("../digits@other", "gitstore -C ../digits list --all shows the snapshots there"),
        ("other", "gitstore list shows the snapshots"),
    ):
        assert hint("show", reference, cwd=directory) == expected
    assert run("derive", "v1", "dogs", "--state", "none", cwd=directory).code == 0
    expected = "gitstore list --all shows the snapshots of all models"
    assert hint("show", "dogs@other", cwd=directory) == expected
    expected = "gitstore -C digits list shows the snapshots"
    assert hint("-C", "digits", "show", "other", cwd=above) == expected
    command = "gitstore -C digits/../digits list --all"
    expected = f"{command} shows the snapshots there"
    assert hint("-C", "digits", "show", "../digits@other", cwd=above) == expected
    assert run(*command.split()[1:], cwd=above).code == 0


def test_verify_counts_objects(tmp_path: Path) -> None:
    scenes.snapshot(tmp_path)
    printed = screen("verify", cwd=tmp_path / "digits").decode()
    assert re.search(r"verify objects .*?(\d+) / \1\D", printed, re.DOTALL)
    assert "/s" not in printed


def test_metrics_are_shown_while_a_model_trains(model: Model) -> None:
    code(model, "train", "tracker.metric('loss\\x1b[31m', 0.123456); tracker.progress(0.5); return")
    printed = screen("train", "-p", "values=[1]", cwd=model.directory).decode()
    assert re.search(r"train .*?50%.*?loss.*? 0\.1235", printed, re.DOTALL), printed
    assert "loss\x1b[31m" not in printed
    assert (
        "0.1235"
        not in screen("train", "-p", "values=[1]", "--no-progress", cwd=model.directory).decode()[:-60]
    )


def test_bars_have_totals(model: Model, git: Git) -> None:
    """Where the number is cheaply known, done / total, in the unit of what is counted."""
    put(model, "initial", {"weights": b"w" * 5_000_000})
    take(model, "v1")
    save_state(model, "initial")
    git("tag", "-d", "v1", cwd=model.directory)
    take(model, "v2")
    shutil.rmtree(model.claim_states() / "initial")
    for command, label in (
        ("restore v2", "restore v2"),
        ("diff v2", "compare state"),
        ("state export initial ../out", "export initial"),
        ("derive v2 even --state ../out", "save initial"),
        ("gc --prune-vanished", "gc"),
        ("state path initial", "write initial"),
        ("state drop initial", "check initial"),
        ("models rm even --dry-run", "check even"),
    ):
        if command.startswith("models rm"):
            put(Model.open(model.directory.parent / "even"), "initial", {"weights": b"w" * 5_000_000})
        printed = screen(*command.split(), cwd=model.directory).decode()
        assert re.search(rf"{label} .*?[\d.]+ (K|M)?i?B / [\d.]+ (K|M)?i?B", printed, re.DOTALL), printed


def test_the_total_of_a_snapshot_is_of_the_state_that_it_takes(model: Model) -> None:
    put(model, "initial", {"weights": b"w" * 1024**2})
    put(model, "other", {"weights": b"w" * 3 * 1024**2})
    printed = screen("snapshot", "v1", "--state", "other", cwd=model.directory).decode()
    assert re.search(r"snapshot v1 .*? / 3\.0 MiB", printed, re.DOTALL), printed
