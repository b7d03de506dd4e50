"""The user's hooks: when gitstore runs them, what they read, and what their end does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitstore.derive import worktree
from gitstore.errors import GitstoreError
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.snapshots import take as capture
from tests.support import spawning
from tests.support.commands import Git, Gitstore, Outcome, Run
from tests.support.models import make, put, refs, take
from tests.support.processes import GITSTORE

RECORD = '#!/bin/sh\ncat >> "{log}"\n'

Write = Callable[..., Path]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return make(tmp_path / "große zahlen").directory


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where hooks that record write what they read."""
    return tmp_path / "a log"


def write(directory: Path, name: str, text: str, mode: int = 0o755) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def hook(here: Path, name: str, text: str, mode: int = 0o755) -> Path:
    return write(here / ".git" / "hooks", name, text, mode)


def records(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


class TestPreHooks:
    def test_a_refusal_takes_nothing(self, run: Run, here: Path) -> None:
        path = hook(
            here, "pre-snapshot", "#!/bin/sh\necho looking\necho >&2\necho 'loss is 0.7' >&2\nexit 3\n"
        )
        before = refs(here)
        assert run("snapshot", "v1", cwd=here) == Outcome(
            1,
            "",
            "looking\nerror: the hook pre-snapshot refused: loss is 0.7\n"
            f"hint: the hook is {path}; --no-verify skips it\n",
        )
        assert refs(here) == before
        assert run("snapshot", "v1", "--no-verify", cwd=here).code == 0

    def test_git_s_configuration_is_read_after_it(self, here: Path) -> None:
        """What is known from before the hook does not count: it may set how git converts line ends."""
        (here / "code" / "lines.txt").write_bytes(b"one\r\ntwo\r\n")
        hook(here, "pre-snapshot", "#!/bin/sh\nexec git config core.autocrlf input\n")
        with pytest.raises(GitstoreError, match=r"lines[.]txt.*core[.]autocrlf=input"):
            capture.take(Model.open(here), "v1")

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("#!/bin/sh\nexit 7\n", "refused: exit code 7"),
            ("#!/bin/sh\nkill -9 $$\n", "refused: it was ended by signal 9"),
            ("#!/nowhere/sh\n", "cannot be started: the interpreter in its first line does not exist"),
        ],
    )
    def test_what_a_refusal_says(self, run: Run, here: Path, text: str, why: str) -> None:
        hook(here, "pre-snapshot", text)
        code, _, stderr = run("snapshot", "v1", cwd=here)
        assert code == 1
        assert stderr.splitlines()[0] == f"error: the hook pre-snapshot {why}"

    def test_what_it_prints_is_shown_and_is_no_data(self, run: Run, here: Path) -> None:
        hook(here, "pre-snapshot", "#!/bin/sh\necho fine\nprintf done\n")
        code, stdout, stderr = run("snapshot", "v1", "--json", cwd=here)
        assert (code, stderr) == (0, "fine\ndone\n")
        assert json.loads(stdout)["name"] == "v1"

    def test_it_is_a_script_without_a_first_line_too(self, run: Run, here: Path) -> None:
        hook(here, "pre-snapshot", "echo sh runs this\nexit 1\n")
        assert "refused: sh runs this" in run("snapshot", "v1", cwd=here).stderr

    def test_one_that_is_not_executable_is_ignored(self, run: Run, here: Path, git: Git) -> None:
        path = hook(here, "pre-snapshot", "#!/bin/sh\nexit 1\n", 0o644)
        code, _, stderr = run("snapshot", "v1", cwd=here)
        assert code == 0
        assert stderr.splitlines()[0] == (
            f"warning: the hook {path} is ignored because it is not executable; chmod +x makes it run"
        )
        git("config", "advice.ignoredHook", "false", cwd=here)
        assert "warning" not in run("snapshot", "v2", cwd=here).stderr

    def test_it_can_change_what_will_be_taken(self, run: Run, here: Path, git: Git) -> None:
        hook(
            here, "pre-snapshot", "#!/bin/sh\necho changed > code/model.py\necho '# more' >> settings.yaml\n"
        )
        assert run("snapshot", "v1", cwd=here / "code").code == 0
        assert git("show", "v1:code/model.py", cwd=here) == "changed\n"
        assert git("show", "v1:settings.yaml", cwd=here).endswith("# more\n")

    def test_it_is_not_asked_for_what_cannot_be(self, run: Run, here: Path, log: Path) -> None:
        run("snapshot", "v1", cwd=here)
        hook(here, "pre-snapshot", RECORD.format(log=log))
        assert run("snapshot", "v1", cwd=here).code == 1
        (here / "settings.yaml").write_text("name: digits\nfoo: 1\n")
        assert run("snapshot", "v2", cwd=here).code == 13
        assert records(log) == []

    def test_it_need_not_read_and_can_leave_a_process(self, run: Run, here: Path) -> None:
        hook(here, "pre-snapshot", "#!/bin/sh\nexec <&-\nsleep 60 &\necho $! > pid\necho said\n")
        (here / ".git" / "info" / "exclude").write_text("pid\n")
        began = time.monotonic()
        code, _, stderr = run("snapshot", "v1", "-m", "x" * 200_000, cwd=here)
        os.kill(int((here / "pid").read_text()), signal.SIGKILL)
        assert (code, stderr.splitlines()[0]) == (0, "said")
        assert time.monotonic() - began < 30

    def test_ctrl_c_ends_it(self, here: Path) -> None:
        hook(here, "pre-snapshot", "#!/bin/sh\ntouch states/begun\nexec sleep 60\n")
        process = subprocess.Popen([GITSTORE, "snapshot", "v1"], cwd=here, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while not (here / "states" / "begun").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr.strip()) == (130, "interrupted")
        assert "refs/tags/v1" not in refs(here)

    def test_rm_removes_none_if_one_is_refused(self, run: Run, here: Path, log: Path) -> None:
        for name in ("v1", "v2"):
            take(Model.open(here), name)
        hook(here, "pre-rm", f'#!/bin/sh\ntee -a "{log}" | grep -q \'"snapshot": "v1"\' || exit 1\n')
        before = refs(here)
        code, _, stderr = run("rm", "v1", "v2", "--yes", cwd=here)
        assert (code, refs(here)) == (1, before)
        assert "error: the hook pre-rm refused: exit code 1\n" in stderr
        assert [each["snapshot"] for each in records(log)] == ["v1", "v2"]
        assert {tuple(each["snapshots"]) for each in records(log)} == {("v1", "v2")}
        assert run("rm", "v1", "v2", "--yes", "--no-verify", cwd=here).code == 0
        assert not {"refs/tags/v1", "refs/tags/v2"} & refs(here).keys()

    def test_a_dry_run_asks_nobody(self, run: Run, here: Path, log: Path) -> None:
        take(Model.open(here), "v1")
        hook(here, "pre-rm", RECORD.format(log=log))
        run("rm", "v1", "--dry-run", cwd=here)
        assert records(log) == []


class TestPostHooks:
    def test_a_failure_is_a_warning(self, run: Run, here: Path) -> None:
        path = hook(here, "post-snapshot", "#!/bin/sh\necho out\necho err >&2\nexit 4\n")
        code, stdout, stderr = run("snapshot", "v1", "--json", cwd=here)
        assert (code, json.loads(stdout)["name"]) == (0, "v1")
        assert stderr == f"out\nerr\nwarning: the hook post-snapshot failed: exit code 4; it is {path}\n"

    def test_one_that_cannot_start_is_a_warning(self, run: Run, here: Path) -> None:
        path = hook(here, "post-state", "#!/nowhere/sh\n")
        code, _, stderr = run("state", "save", cwd=here)
        assert code == 0
        assert stderr.splitlines()[0] == (
            "warning: the hook post-state cannot be started: the interpreter in its first line"
            f" does not exist; fix {path}"
        )

    def test_it_can_call_gitstore(self, gitstore: Gitstore, here: Path, git: Git) -> None:
        """No lock of ours is held, and nothing in the environment leads git astray."""
        bare, program = here.parent / "backup.git", spawning.stand_ins() / "gitstore"
        git("init", "--quiet", "--bare", str(bare), cwd=here)
        hook(here, "post-train", f'#!/bin/sh\n"{program}" snapshot "after-training"\n"{program}" gc\n')
        hook(
            here,
            "post-snapshot",
            f'#!/bin/sh\ngit push --quiet "{bare}" after-training\nenv | grep ^GIT_DIR\n',
        )
        outcome = gitstore("train", "-p", "values=[1, 2]", "--use", "--json", cwd=here / "code")
        assert outcome.code == 0, outcome
        assert json.loads(outcome.stdout)["name"] == "trained-1"
        assert git("tag", cwd=bare) == "after-training\n"
        assert "State: trained-1" in git("cat-file", "tag", "after-training", cwd=here)

    def test_it_can_leave_a_process_that_writes(self, here: Path) -> None:
        """Through pipes, which are read until nobody has the other end any more."""
        hook(here, "post-snapshot", "#!/bin/sh\n(sleep 0.2; echo late) &\n")
        done = subprocess.run(
            [spawning.stand_ins() / "gitstore", "snapshot", "v1"],
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "late")

    def test_each_change_of_a_state(self, run: Run, here: Path, log: Path) -> None:
        hook(here, "post-state", RECORD.format(log=log))
        for arguments in (
            ("state", "save"),
            ("state", "save"),  # as it is: nothing happened
            ("state", "create", "made", "-p", "factor=2"),
            ("state", "import", "settings.yaml", "--name", "in"),
            ("state", "import", "settings.yaml", "--name", "loose", "--no-save"),
            ("state", "rename", "in", "out"),
            ("train", "-p", "values=[1]", "--save-as", "t"),
            ("state", "use", "t"),
            ("state", "rm", "out", "made"),
        ):
            assert run(*arguments, cwd=here).code == 0, arguments
        found = records(log)
        assert [(each["change"], each["state"], each["renamed_from"]) for each in found] == [
            ("saved", "initial", None),
            ("created", "made", None),
            ("imported", "in", None),
            ("imported", "loose", None),
            ("renamed", "out", "in"),
            ("trained", "t", None),
            ("removed", "out", None),
            ("removed", "made", None),
        ]
        assert [each["tree"] is None for each in found] == [
            False,
            False,
            False,
            True,
            False,
            False,
            True,
            True,
        ]

    def test_training_and_evaluating(self, run: Run, here: Path, log: Path) -> None:
        for name in ("post-train", "post-evaluate"):
            hook(here, name, RECORD.format(log=log))
        run("train", "-p", "values=[1]", "--use", cwd=here)
        run("snapshot", "v1", cwd=here)
        run("evaluate", "v1", "-p", "values=[1, 2]", cwd=here)
        run("evaluate", "-p", "values=[1]", cwd=here)
        assert run("evaluate", "-p", "values=[[1]]", cwd=here).code == 1
        trained, first, second = records(log)
        assert (trained["state"], trained["base_state"], trained["is_active"]) == (
            "trained-1",
            "initial",
            True,
        )
        assert [(each["name"], each["value"]) for each in trained["metrics"]] == [("factor", 2.0)]
        assert first["snapshot"] == "v1" and first["ref"] == "refs/tags/v1"
        assert first["outputs"] == {"products": {"dtype": "float64", "shape": [2]}}
        assert (second["snapshot"], second["state"]) == (None, "trained-1")


class TestWhere:
    """Hooks are looked for where git looks for its own."""

    def snapshot(self, run: Run, cwd: Path, log: Path) -> list[str]:
        assert run("snapshot", "v1", cwd=cwd).code == 0
        return [each["directory"] for each in records(log)]

    @pytest.mark.parametrize("value", ["../my hooks", "~/hooks", "ABSOLUTE"])
    def test_core_hooks_path(
        self, run: Run, here: Path, log: Path, home: Path, git: Git, value: str, tmp_path: Path
    ) -> None:
        place = {"../my hooks": tmp_path / "my hooks", "~/hooks": home / "hooks"}.get(value, tmp_path / "ä b")
        write(place, "post-snapshot", RECORD.format(log=log))
        hook(here, "post-snapshot", "#!/bin/sh\nexit 1\n")
        git("config", "core.hooksPath", str(place) if value == "ABSOLUTE" else value, cwd=here)
        assert self.snapshot(run, here / "code", log) == [str(here)]

    def test_a_worktree_shares_them(self, run: Run, here: Path, log: Path) -> None:
        base = take(Model.open(here), "v1")
        hook(here, "post-snapshot", RECORD.format(log=log))
        worktree.derive(base, "hunde", here.parent / "hunde 2")
        assert self.snapshot(run, here.parent / "hunde 2", log) == [str(here.parent / "hunde 2")]
        (found,) = records(log)
        assert (found["model"], found["ref"]) == ("hunde", "refs/tags/hunde/v1")
        assert found["repository"] == str(here / ".git")

    def test_in_a_bare_repository(self, run: Run, here: Path, log: Path, git: Git) -> None:
        run("state", "save", cwd=here)
        bare = here.parent / "bare.git"
        git("clone", "--quiet", "--mirror", str(here), str(bare), cwd=here)
        write(bare / "hooks", "pre-snapshot", RECORD.format(log=log))
        assert self.snapshot(run, bare, log) == [str(bare)]
        assert records(log)[0]["repository"] == str(bare)

    def test_an_evaluated_snapshot_of_another_repository(self, run: Run, here: Path, log: Path) -> None:
        other = make(here.parent / "other", "other")
        take(other, "v1")
        hook(other.directory, "post-evaluate", RECORD.format(log=log))
        assert reference.resolve("../other@v1", here).name == "v1"
        assert run("evaluate", "../other@v1", "-p", "values=[1]", cwd=here).code == 0
        assert [each["model"] for each in records(log)] == ["other"]


class TestByHand:
    def test_an_example(self, run: Run, here: Path, log: Path) -> None:
        run("snapshot", "v1", cwd=here)
        hook(here, "post-train", RECORD.format(log=log))
        assert run("hooks", "run", "post-train", cwd=here) == Outcome(0, "", "")
        code, stdout, _ = run("hooks", "run", "post-train", "--dry-run", cwd=here)
        assert (code, [json.loads(stdout)]) == (0, records(log))

    def test_with_a_file(self, run: Run, here: Path, log: Path) -> None:
        put(Model.open(here), "initial", {"event.json": b'{"hook": "mine"}\n'})
        hook(here, "post-train", RECORD.format(log=log))
        assert run("hooks", "run", "post-train", "--input", "states/initial/event.json", cwd=here).code == 0
        assert records(log) == [{"hook": "mine"}]

    def test_failures(self, run: Run, here: Path) -> None:
        def fails(*arguments: str, naming: str) -> bool:
            code, _, stderr = run("hooks", "run", *arguments, cwd=here)
            return code == 1 and naming in stderr.splitlines()[0]

        assert fails("post-train", naming="no snapshot")
        run("snapshot", "v1", cwd=here)
        assert fails("post-train", naming="no hook post-train")
        assert fails("pre-commit", naming="pre-commit is a hook of git")
        assert fails("post-office", naming="post-office is not a hook")
        hook(here, "post-train", "#!/bin/sh\nexit 5\n")
        assert fails("post-train", naming="exit code 5")
        assert fails("post-train", "--input", "nowhere", naming="nowhere")
