"""The border of the command line: standard streams that are gone, git's own options, and answers given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import spawning
from tests.support.commands import GITSTORE, Git, Gitstore, Outcome, parsed, said
from tests.support.models import make, picture, refs, take
from tests.support.terminals import terminal

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a model with a snapshot is made once, to be copied for each test."""
    return tmp_path_factory.mktemp("template") / "große zahlen"


@pytest.fixture
def v1(template: Path, tmp_path: Path) -> Path:
    if not template.exists():
        take(make(template), "v1")
    return shutil.copytree(template, tmp_path / template.name, symlinks=True)


def sh(line: str, cwd: Path, program: Path | None = None) -> Outcome:
    """A command line in which "$0" is gitstore, and git finds it: the installed program, or a stand-in."""
    program = program or spawning.stand_ins() / "gitstore"
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", line, program], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


class TestClosedStreams:
    """Python itself looks at them when it starts: of each stream, one test is of the installed program."""

    def test_stdout_stdin_of_a_question_and_stderr_of_a_failure(self, v1: Path) -> None:
        assert sh('"$0" list >&-', v1, GITSTORE) == said()
        assert sh('"$0" show v9 2>&-', v1) == said(code=1)
        assert sh('"$0" rm v1 <&-', v1).code == 0

    def test_what_is_printed_does_not_go_into_a_file_that_is_opened_next(self, v1: Path, git: Git) -> None:
        assert sh('"$0" snapshot v2 <&- >&- 2>&-', v1, GITSTORE) == said()
        assert git("cat-file", "-t", "v2", cwd=v1) == "tag\n"
        assert sh('"$0" rm v1 -y --json >&- 2>&-', v1, GITSTORE) == said()
        assert "refs/tags/v1" not in refs(v1)
        git("fsck", "--full", "--strict", cwd=v1)


class TestFullAndDesertedStreams:
    @pytest.fixture
    def deserted(self) -> Iterator[int]:
        """A pipe that nobody reads."""
        read, write = os.pipe()
        os.close(read)
        yield write
        os.close(write)

    @FULL
    def test_a_full_stdout(self, v1: Path) -> None:
        for command, program in (("show v1", None), ("--help", GITSTORE)):
            assert sh(f'"$0" {command} >/dev/full', v1, program) == said(
                "error: standard output: No space left on device", code=1
            )

    @FULL
    def test_a_full_stderr_does_not_undo_what_was_done(self, v1: Path) -> None:
        assert sh('"$0" snapshot v2 2>/dev/full', v1) == said()
        assert sh('"$0" snapshot v3 --progress 2>/dev/full', v1) == said()
        assert sh('"$0" show v9 2>/dev/full', v1) == said(code=1)
        assert sh('"$0" frobnicate 2>/dev/full', v1, GITSTORE) == said(code=2)
        assert {"refs/tags/v2", "refs/tags/v3"} <= refs(v1).keys()

    def test_nobody_reads_stdout(self, v1: Path, deserted: int) -> None:
        for command, program in (("list", spawning.stand_ins() / "gitstore"), ("--help", GITSTORE)):
            done = subprocess.run(
                [program, command], cwd=v1, stdout=deserted, stderr=subprocess.PIPE, check=False
            )
            assert (done.returncode, done.stderr) == (141, b"")

    def test_nobody_reads_what_is_said(self, v1: Path, deserted: int) -> None:
        done = subprocess.run(
            [spawning.stand_ins() / "gitstore", "rm", "v1", "-y"],
            cwd=v1,
            stdout=deserted,
            stderr=deserted,
            check=False,
        )
        assert done.returncode == 0
        assert "refs/tags/v1" not in refs(v1)


def test_a_group_alone_prints_its_help_once(tmp_path: Path, gitstore: Gitstore) -> None:
    for command in ("", "state", "hooks", "settings"):
        shown = gitstore(*command.split(), "--help", cwd=tmp_path)
        assert gitstore(*command.split(), cwd=tmp_path) == Outcome(2, "", shown.stdout)


def test_a_missing_choice_is_one_line(tmp_path: Path, gitstore: Gitstore) -> None:
    assert gitstore("completion", cwd=tmp_path).stderr.splitlines() == [
        "Usage: gitstore completion [OPTIONS] {bash|zsh|fish}",
        "error: Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish",
    ]


def test_the_question_of_rm(v1: Path) -> None:
    program = spawning.stand_ins() / "gitstore"
    with terminal(["sh"], v1, "PS1=") as shell:

        def ask(keys: str) -> str:
            shell.press(f'"{program}" rm v1; echo code=$?.\n')
            shell.until("Remove v1? [y/N]: ")
            shell.press(keys)
            return shell.until(".\r\n").replace("\r", "")

        assert ask("n\n") == "n\nnothing removed\ncode=1"
        assert "refs/tags/v1" in refs(v1)
        assert ask("y\n").endswith("\ncode=0")
        assert "refs/tags/v1" not in refs(v1)


class TestGitsOptions:
    @pytest.fixture
    def other(self, tmp_path: Path) -> Path:
        return make(tmp_path / "other", "other").directory

    def test_that_name_another_are_refused(self, v1: Path, other: Path) -> None:
        before = picture(v1.parent)
        for options, variable, value, what in (
            ("--git-dir=../other/.git", "GIT_DIR", "../other/.git", "repository"),
            ("--git-dir=nowhere", "GIT_DIR", "nowhere", "repository"),
            ("--work-tree=../other", "GIT_WORK_TREE", "../other", "working copy"),
        ):
            assert sh(f"git {options} gitstore snapshot x", v1) == said(
                f"error: {variable} is {value}, another {what} than that of {v1}",
                "hint: git -C DIR gitstore acts on the model in DIR",
                code=2,
            )
            assert picture(v1.parent) == before
            assert sh(f"git {options} gitstore -h", v1).code == 0
        outcome = sh('git --git-dir="große zahlen/.git" gitstore list', v1.parent)
        assert outcome.code == 2
        assert outcome.stderr.splitlines()[0] == (
            f"error: GIT_DIR is große zahlen/.git, another repository than that of {v1.parent}"
        )

    def test_that_name_the_same_are_fine(self, v1: Path, other: Path) -> None:
        for line in (
            "git --git-dir=.git gitstore list",
            "git --git-dir=.git --work-tree=. gitstore list",
            "git --git-dir=../other/.git gitstore -C ../other state list",
            "git -C ../other --git-dir=.git gitstore state list",
            "cd code && git gitstore list",
            'GIT_DIR=../other/.git "$0" list',
        ):
            outcome = sh(line, v1)
            assert (line, outcome.code, outcome.stderr) == (line, 0, "")
        assert sh("git --git-dir=.git --work-tree=. gitstore list", v1, GITSTORE).code == 0

    def test_in_a_linked_worktree(self, v1: Path, git: Git, tmp_path: Path) -> None:
        git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"), cwd=v1)
        assert sh("git --git-dir=.git gitstore list", tmp_path / "linked").code == 0
        main = sh(f'git --git-dir="{v1}/.git" gitstore list', tmp_path / "linked")
        assert (main.code, main.stdout) == (2, "")

    def test_in_hooks_of_the_same_repository(self, v1: Path, git: Git) -> None:
        programs = spawning.stand_ins()
        hook = v1 / ".git" / "hooks" / "pre-commit"
        for number, program in enumerate(("git gitstore", f'"{programs}/gitstore"')):
            hook.write_text(f'#!/bin/sh\nPATH="{programs}:$PATH"\nexec {program} snapshot auto{number}\n')
            hook.chmod(0o755)
            (v1 / "code" / f"new{number}.py").write_text("new\n")
            git("add", "code", cwd=v1)
            git("commit", "--quiet", "-m", "one", "--", f"new{number}.py", cwd=v1 / "code")
        assert git("ls-tree", "--name-only", "auto0:code", cwd=v1) == "model.py\nnew0.py\n"
        assert git("ls-tree", "--name-only", "auto1:code", cwd=v1) == "model.py\nnew0.py\nnew1.py\n"

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
        schema = parsed(gitstore("settings", "schema", "--json", cwd=v1))
        assert parsed(gitstore("settings", "schema", cwd=v1)) == schema

    def test_an_evaluation_says_how_it_ran(self, v1: Path, gitstore: Gitstore) -> None:
        evaluate = ("evaluate", "v1", "-p", "values=[1]")
        outputs = parsed(gitstore(*evaluate, cwd=v1))
        printed = parsed(gitstore(*evaluate, "--json", cwd=v1))
        assert (printed["outputs"], printed["files"], printed["record"]) == (outputs, [], None)
        assert (printed["unlocked"], printed["sandbox"]) == (False, {"kind": "none"})
        keys = [built["key"] for built in parsed(gitstore("env", "list", "--json", cwd=v1))]
        assert printed["environment"] in (*keys, "0" * 32)
        outcome = gitstore(*evaluate, "--out", "out", "--record", "first", "--json", cwd=v1)
        written = json.loads(outcome.stdout)
        assert (written["outputs"], written["record"]) == (None, "first")
        assert written["files"] == [f"{v1}/out/products.npy"]
        assert written.keys() == printed.keys()


def test_bars_say_sizes_and_no_unknown_total(v1: Path, gitstore: Gitstore) -> None:
    from rich.progress import Task

    from gitstore.cli import bars

    def shown(total: int | None) -> str:
        task = Task(id=None, description="", total=total, completed=3 << 20, _get_time=lambda: 0.0)  # type: ignore[arg-type]
        return f"{bars.Amount().render(task)} {bars.Speed().render(task)}"

    assert shown(None) == "3.0 MiB "
    assert shown(8 << 20) == "3.0 MiB / 8.0 MiB "
    assert "?" not in gitstore("gc", "--progress", cwd=v1).stderr


def test_in_a_directory_that_is_gone(tmp_path: Path) -> None:
    for command in ("list", "init", "settings check"):
        assert sh(f'mkdir gone; cd gone; rmdir ../gone; "$0" {command}', tmp_path) == said(
            "error: the current directory no longer exists",
            "hint: change into a directory that exists",
            code=1,
        )
