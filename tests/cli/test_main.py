"""Every command as a person meets it: what it prints, where, and how it exits."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gitstore.cli.commands import COMMANDS
from gitstore.models.model import Model
from tests.support import commands, scenes, spawning
from tests.support.commands import GITSTORE, Fsck, Git, Outcome, Run, parsed
from tests.support.models import make, noise, picture, put, refs, take


@pytest.fixture
def here(model: Model) -> Path:
    return model.directory


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    scenes.snapshot(tmp_path)
    return tmp_path / "digits"


class TestWhereItIsRun:
    def test_in_a_subdirectory(self, run: Run, v1: Path) -> None:
        (v1 / "code" / "sub").mkdir()
        for command in (
            ["list"],
            ["state", "list"],
            ["verify"],
            ["usage"],
            ["show", "v1"],
            ["settings", "check"],
        ):
            assert run(*command, cwd=v1 / "code" / "sub").code == 0
        assert run("snapshot", "v2", cwd=v1 / "code").code == 0

    def test_elsewhere_with_C(self, run: Run, v1: Path, tmp_path: Path) -> None:
        assert run("-C", str(v1), "list", cwd=tmp_path) == run("list", cwd=v1)
        assert run("-C", "digits", "export", "v1", "../out", cwd=tmp_path).code == 0
        assert (tmp_path / "out" / "code").is_dir()
        assert run("-C", "digits", "derive", "v1", "dogs", "../d", "--json", cwd=tmp_path).code == 0
        assert (tmp_path / "d" / "code").is_dir()

    def test_in_a_linked_worktree(self, run: Run, v1: Path, git: Git, tmp_path: Path) -> None:
        git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"), cwd=v1)
        put(Model.open(tmp_path / "linked"), "initial", {"w": b"w"})
        assert run("snapshot", "v2", cwd=tmp_path / "linked").code == 0
        assert [each["name"] for each in parsed(run("list", "--json", cwd=v1))] == ["v1", "v2"]

    def test_in_a_bare_repository(self, run: Run, v1: Path, git: Git, tmp_path: Path, fsck: Fsck) -> None:
        run("state", "save", cwd=v1)
        git("clone", "--quiet", "--mirror", str(v1), "b.git", cwd=tmp_path)
        bare = tmp_path / "b.git"
        works = ["list", "show v1", "verify --all", "usage", "state list", "snapshot v2"]
        works += ["evaluate v1 -p values=[1]", "export v1 ../out", "derive v1 dogs"]
        for command in works:
            outcome = run(*command.split(), cwd=bare)
            assert outcome.code == 0, outcome.stderr
        for command in ("state save", "state path", "train -p values=[1]", "evaluate -p values=[1]"):
            outcome = run(*command.split(), cwd=bare)
            assert outcome.code == 1
            assert "a bare repository has no " in outcome.stderr
        for command in ("settings check", "settings show"):
            outcome = run(*command.split(), cwd=bare)
            assert (outcome.code, "git show HEAD:settings.yaml prints" in outcome.stderr) == (10, True)
        assert not (bare / "states").exists()
        fsck(bare)

    def test_with_spaces_and_other_letters(self, run: Run, tmp_path: Path, fsck: Fsck) -> None:
        there = make(tmp_path / "mein Modell – größer\tals 你好" / 'it\'s "one"', "größer").directory
        put(Model.open(there), "zustand-你好", {"ein Gewicht": b"w"})
        for command in (
            ["state", "save", "zustand-你好"],
            ["state", "use", "zustand-你好"],
            ["snapshot", "größer-1", "-m", "größer als zuvor"],
            ["derive", "größer-1", "hündchen"],
            ["verify", "--all"],
            ["evaluate", "größer-1", "-p", "values=[1]"],
            ["export", "größer@größer-1", "my out"],
        ):
            outcome = run(*command, cwd=there)
            assert outcome.code == 0, outcome.stderr
        assert (there / "my out" / "state" / "ein Gewicht").read_bytes() == b"w"
        assert run("snapshot", "v1", cwd=there.parent / "hündchen").code == 0
        fsck(there)

    def test_outside_of_a_model(self, run: Run, tmp_path: Path, git: Git) -> None:
        lines = [
            "list",
            "show v1",
            "snapshot v1",
            "state list",
            "state save",
            "usage",
            "train",
            "evaluate",
        ]
        lines += ["export v1 out", "derive v1 dogs", "verify"]
        outcomes = {run(*command.split(), cwd=tmp_path) for command in lines}
        assert [outcome.code for outcome in outcomes] == [10]
        git("init", "--quiet", cwd=tmp_path)
        outcomes = {run(*command.split(), cwd=tmp_path) for command in lines}
        assert [outcome.code for outcome in outcomes] == [10]
        assert run("settings", "check", cwd=tmp_path).code == 10

    def test_from_a_hook_of_another_repository(
        self, run: Run, v1: Path, tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch, fsck: Fsck
    ) -> None:
        other = make(tmp_path / "other", "other").directory
        before = picture(other / ".git"), picture(other)
        for number, (variable, value) in enumerate(
            {
                "GIT_DIR": ".git",
                "GIT_INDEX_FILE": ".git/index",
                "GIT_WORK_TREE": "",
                "GIT_OBJECT_DIRECTORY": ".git/objects",
            }.items()
        ):
            monkeypatch.setenv(variable, str(other / value))
            put(Model.open(v1), "initial", {"number": str(number).encode()})
            for command in (f"snapshot a{number}", "state save", f"derive a{number} dogs{number}"):
                assert run(*command.split(), cwd=v1).code == 0, (variable, command)
            monkeypatch.delenv(variable, raising=False)
            assert (picture(other / ".git"), picture(other)) == before, variable
        fsck(v1)

    def test_in_a_hook_of_its_own(self, v1: Path, git: Git, fsck: Fsck) -> None:
        """git sets GIT_DIR and, for a commit of some files, a GIT_INDEX_FILE of its own."""
        hook = v1 / ".git" / "hooks" / "pre-commit"
        hook.write_text(f'#!/bin/sh\nexec "{GITSTORE}" snapshot auto\n')
        hook.chmod(0o755)
        (v1 / "code" / "new.py").write_text("new\n")
        git("add", "code", cwd=v1)
        git("commit", "--quiet", "-m", "with a snapshot", "--", "code/new.py", cwd=v1)
        assert git("ls-tree", "--name-only", "auto:code", cwd=v1) == "model.py\nnew.py\n"
        assert git("status", "--porcelain", cwd=v1) == ""
        fsck(v1)

    def test_with_an_object_format_we_do_not_write(self, run: Run, tmp_path: Path, git: Git) -> None:
        git("init", "--quiet", "--object-format=sha256", cwd=tmp_path)
        (tmp_path / "settings.yaml").write_text("name: m\n")
        outcome = run("snapshot", "v1", cwd=tmp_path)
        assert outcome.code == 1
        assert outcome.stderr.startswith("error: ")
        assert "Traceback" not in outcome.stderr


STATE_VERBS = ("save", "list", "use", "path", "create", "import", "export", "rename", "rm")


class TestUsageErrors:
    def test_exit_with_2(self, run: Run, here: Path) -> None:
        for line in ("snapshto", "snapshot", "export v1", "-C nowhere list", "derive v1 d -p factor=1"):
            outcome = run(*line.split(), cwd=here)
            assert (outcome.code, outcome.stdout) == (2, ""), line

    def test_every_command_has_help_with_an_example(self, run: Run, tmp_path: Path) -> None:
        for name in [*COMMANDS, *(f"state {verb}" for verb in STATE_VERBS)]:
            outcome = run(*name.split(), "--help", cwd=tmp_path)
            assert (name, outcome.code, outcome.stderr) == (name, 0, "")
            assert re.search(rf"Examples?:\n.*gitstore .*{name.split()[0]}", outcome.stdout), name


class TestExitCodes:
    """Those that need a process of their own: what ends it is part of what is tested."""

    def call(self, *arguments: str, cwd: Path, **options: Any) -> Outcome:
        done = subprocess.run(
            [spawning.stand_ins() / "gitstore", *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def test_11_for_a_lock(self, v1: Path) -> None:
        lock = v1 / ".git" / "refs" / "tags" / "v2.lock"
        lock.touch()
        outcome = self.call("snapshot", "v2", cwd=v1)
        assert (outcome.code, outcome.stdout, str(lock) in outcome.stderr) == (11, "", True)

    def test_130_for_an_interrupt(self, here: Path, fsck: Fsck) -> None:
        put(Model.open(here), "initial", {"large": noise(40_000_000)})
        before = refs(here)
        process = subprocess.Popen([GITSTORE, "snapshot", "v1"], cwd=here, stderr=subprocess.PIPE, text=True)
        packs = here / ".git" / "objects" / "pack"
        deadline = time.monotonic() + 20
        while not any(path.stat().st_size > 10_000 for path in packs.glob("gitstore-tmp-pack-*")):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr) == (130, "\ninterrupted\n")
        assert refs(here) == before
        assert list(packs.iterdir()) == []
        fsck(here)

    def test_141_in_the_middle_of_much_data(self, here: Path) -> None:
        for number in range(200):
            (here / "code" / f"a file with a long name, one of many {number:04}").write_text("x")
        take(Model.open(here), "v1")
        command = f'"{spawning.stand_ins()}/gitstore" show v1 --json; echo $? >&2'
        process = subprocess.Popen(
            ["sh", "-c", command], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b"141\n"
        process.stderr.close()
        process.wait()

    def test_255_for_a_bug(self, v1: Path) -> None:
        script = (
            "import sys; from gitstore.models import snapshot; from gitstore.cli.main import main\n"
            "def read_own_snapshots(model): raise LookupError('a bug')\n"
            "snapshot.read_own_snapshots = read_own_snapshots; sys.argv = ['gitstore', 'list']; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=v1, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (255, "")
        lines = done.stderr.splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-2] == "LookupError: a bug"
        assert re.fullmatch(
            r"bug: gitstore [\d.a-z+]+ failed in a way it should not\. Please report the lines above,"
            r" with the command, on the project's issue tracker\.",
            lines[-1],
        )

    def test_1_for_what_the_file_system_refuses(self, v1: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        outcome = self.call("export", "v1", str(tmp_path / "file" / "out"), cwd=v1)
        assert (outcome.code, f"{tmp_path}/file" in outcome.stderr) == (1, True)

    def test_without_git(self, v1: Path, tmp_path: Path) -> None:
        (tmp_path / "bin").mkdir()
        environment = {**os.environ, "PATH": str(tmp_path / "bin")}
        outcome = self.call("snapshot", "v2", cwd=v1, env=environment)
        assert (outcome.code, outcome.stdout) == (1, "")
        assert self.call("list", cwd=v1, env=environment).code == 0

    def test_version(self, tmp_path: Path) -> None:
        outcome = commands.gitstore("--version", cwd=tmp_path)
        assert re.fullmatch(r"gitstore \d+\.\d+\S*\n", outcome.stdout)
        as_git = subprocess.run(
            ["git", "gitstore", "--version"], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{GITSTORE.parent}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
        assert (as_git.returncode, as_git.stdout) == (0, outcome.stdout)


def test_only_operations_load_numpy(model: Model) -> None:
    """It takes longer than a snapshot. A bar is not drawn, so rich is not needed either."""
    told = [
        *("snapshot v1", "list", "show v1", "status", "diff v1", "derive v1 dogs ../dogs", "models", "log"),
        *("usage", "verify v1", "export v1 ../out", "restore v1", "state save", "rm v1 -n", "gc"),
    ]
    script = """
import sys
from gitstore.cli.main import main
for command in sys.argv[1:]:
    sys.argv = ["gitstore", *command.split()]
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, command
    assert not {"numpy", "rich", "asyncio"} & sys.modules.keys(), command
"""
    program = [sys.executable, "-c", script, *told]
    done = subprocess.run(program, cwd=model.directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
