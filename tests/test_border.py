"""The border of the command line: standard streams that are gone, git's own options, and answers given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import GITSTORE, Git, Gitstore, Outcome, parsed, said
from tests.support.models import make, picture, refs, take
from tests.support.terminals import terminal

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    model = make(tmp_path / "große zahlen")
    take(model, "v1")
    return model.directory


def sh(line: str, cwd: Path) -> Outcome:
    """A command line in which "$0" is gitstore, and git finds it."""
    path = f"{GITSTORE.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", line, GITSTORE], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


class TestClosedStreams:
    def test_stdout(self, v1: Path) -> None:
        assert sh('"$0" list >&-', v1) == said()

    def test_what_is_printed_does_not_go_into_a_file_that_is_opened_next(self, v1: Path) -> None:
        assert sh('"$0" rm v1 -y --json >&- 2>&-', v1) == said()
        assert "refs/tags/v1" not in refs(v1)

    def test_all_three(self, v1: Path, git: Git) -> None:
        assert sh('"$0" snapshot v2 <&- >&- 2>&-', v1) == said()
        assert git("cat-file", "-t", "v2", cwd=v1) == "tag\n"
        git("fsck", "--full", "--strict", cwd=v1)

    def test_stdin_of_a_question(self, v1: Path) -> None:
        assert sh('"$0" rm v1 <&-', v1).code == 0

    def test_stderr_of_a_failure(self, v1: Path) -> None:
        assert sh('"$0" show v9 2>&-', v1) == said(code=1)


class TestFullAndDesertedStreams:
    @pytest.fixture
    def deserted(self) -> Iterator[int]:
        """A pipe that nobody reads."""
        read, write = os.pipe()
        os.close(read)
        yield write
        os.close(write)

    @FULL
    @pytest.mark.parametrize("command", ["show v1", "--help"])
    def test_a_full_stdout(self, v1: Path, command: str) -> None:
        assert sh(f'"$0" {command} >/dev/full', v1) == said(
            "error: standard output: No space left on device", code=1
        )

    @FULL
    @pytest.mark.parametrize("options", ["", "--progress"])
    def test_a_full_stderr_does_not_undo_what_was_done(self, v1: Path, options: str) -> None:
        assert sh(f'"$0" snapshot v2 {options} 2>/dev/full', v1) == said()
        assert sh('"$0" show v9 2>/dev/full', v1) == said(code=1)
        assert sh('"$0" frobnicate 2>/dev/full', v1) == said(code=2)
        assert "refs/tags/v2" in refs(v1)

    @pytest.mark.parametrize("command", ["list", "--help"])
    def test_nobody_reads_stdout(self, v1: Path, deserted: int, command: str) -> None:
        done = subprocess.run(
            [GITSTORE, command], cwd=v1, stdout=deserted, stderr=subprocess.PIPE, check=False
        )
        assert (done.returncode, done.stderr) == (141, b"")

    def test_nobody_reads_what_is_said(self, v1: Path, deserted: int) -> None:
        done = subprocess.run(
            [GITSTORE, "rm", "v1", "-y"], cwd=v1, stdout=deserted, stderr=deserted, check=False
        )
        assert done.returncode == 0
        assert "refs/tags/v1" not in refs(v1)


@pytest.mark.parametrize("command", ["", "state", "hooks", "settings"])
def test_a_group_alone_prints_its_help_once(v1: Path, gitstore: Gitstore, command: str) -> None:
    shown = gitstore(*command.split(), "--help", cwd=v1)
    assert gitstore(*command.split(), cwd=v1) == Outcome(2, "", shown.stdout)


def test_a_missing_choice_is_one_line(v1: Path, gitstore: Gitstore) -> None:
    assert gitstore("completion", cwd=v1).stderr.splitlines() == [
        "Usage: gitstore completion [OPTIONS] {bash|zsh|fish}",
        "error: Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish",
    ]


class TestTheQuestionOfRm:
    def ask(self, v1: Path, keys: str) -> str:
        with terminal(["sh"], v1, "PS1=") as shell:
            shell.press(f'"{GITSTORE}" rm v1; echo code=$?.\n')
            shell.until("Remove v1? [y/N]: ")
            shell.press(keys)
            return shell.until(".\r\n").replace("\r", "")

    def test_no(self, v1: Path) -> None:
        assert self.ask(v1, "n\n") == "n\nnothing removed\ncode=1"
        assert "refs/tags/v1" in refs(v1)

    def test_yes(self, v1: Path) -> None:
        assert self.ask(v1, "y\n").endswith("\ncode=0")
        assert "refs/tags/v1" not in refs(v1)


class TestGitsOptions:
    @pytest.fixture
    def other(self, tmp_path: Path) -> Path:
        return make(tmp_path / "other", "other").directory

    @pytest.mark.parametrize(
        ("options", "variable", "value", "what"),
        [
            ("--git-dir=../other/.git", "GIT_DIR", "../other/.git", "repository"),
            ("--git-dir=nowhere", "GIT_DIR", "nowhere", "repository"),
            ("--work-tree=../other", "GIT_WORK_TREE", "../other", "working copy"),
        ],
    )
    def test_that_name_another_are_refused(
        self, v1: Path, other: Path, options: str, variable: str, value: str, what: str
    ) -> None:
        before = picture(v1.parent)
        assert sh(f"git {options} gitstore snapshot x", v1) == said(
            f"error: {variable} is {value}, another {what} than that of {v1}",
            "hint: git -C DIR gitstore acts on the model in DIR",
            code=2,
        )
        assert picture(v1.parent) == before
        assert sh(f"git {options} gitstore -h", v1).code == 0

    def test_outside_of_a_repository(self, v1: Path) -> None:
        outcome = sh('git --git-dir="große zahlen/.git" gitstore list', v1.parent)
        assert outcome.code == 2
        assert outcome.stderr.splitlines()[0] == (
            f"error: GIT_DIR is große zahlen/.git, another repository than that of {v1.parent}"
        )

    @pytest.mark.parametrize(
        "line",
        [
            "git --git-dir=.git gitstore list",
            "git --git-dir=.git --work-tree=. gitstore list",
            "git --git-dir=../other/.git gitstore -C ../other state list",
            "git -C ../other --git-dir=.git gitstore state list",
            "cd code && git gitstore list",
            'GIT_DIR=../other/.git "$0" list',
        ],
    )
    def test_that_name_the_same_are_fine(self, v1: Path, other: Path, line: str) -> None:
        outcome = sh(line, v1)
        assert (outcome.code, outcome.stderr) == (0, "")

    def test_in_a_linked_worktree(self, v1: Path, git: Git, tmp_path: Path) -> None:
        git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"), cwd=v1)
        assert sh("git --git-dir=.git gitstore list", tmp_path / "linked").code == 0
        main = sh(f'git --git-dir="{v1}/.git" gitstore list', tmp_path / "linked")
        assert (main.code, main.stdout) == (2, "")

    @pytest.mark.parametrize("program", ["git gitstore", f'"{GITSTORE}"'])
    def test_in_hooks_of_the_same_repository(self, v1: Path, git: Git, program: str) -> None:
        hook = v1 / ".git" / "hooks" / "pre-commit"
        hook.write_text(f'#!/bin/sh\nPATH="{GITSTORE.parent}:$PATH"\nexec {program} snapshot auto\n')
        hook.chmod(0o755)
        (v1 / "code" / "new.py").write_text("new\n")
        git("add", "code", cwd=v1)
        git("commit", "--quiet", "-m", "one", "--", "new.py", cwd=v1 / "code")
        assert git("ls-tree", "--name-only", "auto:code", cwd=v1) == "model.py\nnew.py\n"

    def test_in_a_bare_repository(self, v1: Path, git: Git, tmp_path: Path) -> None:
        git("clone", "--quiet", "--mirror", str(v1), "b.git", cwd=tmp_path)
        assert sh("git --bare gitstore list", tmp_path / "b.git").code == 0


class TestJson:
    def test_of_states(self, v1: Path, gitstore: Gitstore) -> None:
        parsed(gitstore("state", "save", "--json", cwd=v1))
        assert parsed(gitstore("state", "rename", "initial", "größe", "--json", cwd=v1)) == {
            "name": "größe",
            "renamed_from": "initial",
        }
        assert parsed(gitstore("state", "use", "größe", "--json", cwd=v1)) == {"active": "größe"}
        assert parsed(gitstore("state", "path", "--json", cwd=v1)) == {
            "name": "größe",
            "path": f"{v1}/states/größe",
        }

    def test_directories_are_absolute(self, v1: Path, gitstore: Gitstore) -> None:
        parsed(gitstore("state", "save", "--json", cwd=v1))
        top = v1.parent
        found = [
            parsed(gitstore("-C", v1.name, *command.split(), "--json", cwd=top))["directory"]
            for command in ("export v1 ../one", "state export initial two")
        ]
        assert found == [f"{top}/one", f"{v1}/two"]

    def test_where_it_is_printed_in_any_case(self, v1: Path, gitstore: Gitstore) -> None:
        for command in ("settings schema", "evaluate v1 -p values=[1]"):
            words = command.split()
            assert parsed(gitstore(*words, cwd=v1)) == parsed(gitstore(*words, "--json", cwd=v1))
        done = gitstore("evaluate", "v1", "-p", "values=[1]", "--out", "out", "--json", cwd=v1)
        assert parsed(done) == {"files": [f"{v1}/out/products.npy"]}


def test_bars_say_sizes_and_no_unknown_total(v1: Path, gitstore: Gitstore) -> None:
    from rich.progress import Task

    from gitstore.cli import bars

    def shown(total: int | None) -> str:
        task = Task(id=None, description="", total=total, completed=3 << 20, _get_time=lambda: 0.0)  # type: ignore[arg-type]
        return f"{bars.Amount().render(task)} {bars.Speed().render(task)}"

    assert shown(None) == "3.0 MiB "
    assert shown(8 << 20) == "3.0 MiB / 8.0 MiB "
    assert "?" not in gitstore("gc", "--progress", cwd=v1).stderr


@pytest.mark.parametrize("command", ["list", "init", "settings check"])
def test_in_a_directory_that_is_gone(v1: Path, command: str) -> None:
    assert sh(f'mkdir gone; cd gone; rmdir ../gone; "$0" {command}', v1) == said(
        "error: the current directory is gone", "hint: cd into one that is there", code=1
    )
