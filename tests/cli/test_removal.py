"""`gitstore rename`, `rm` and `gc` as a person meets them, and killed at any instant."""

from __future__ import annotations

import json
import os
import pty
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from gitstore.models import snapshot, state
from gitstore.models.model import Model
from gitstore.snapshots import remove
from gitstore.storage import gc
from tests.support import scenes
from tests.support.commands import Fsck, Git, Gitstore, Run
from tests.support.kills import copied
from tests.support.models import make, noise, put, refs, take
from tests.support.processes import kill, outcome, start
from tests.support.spawning import stand_ins
from tests.whole.test_crash import leftovers, sound


@pytest.fixture
def here(tmp_path: Path) -> Path:
    scenes.copy(_two, tmp_path)
    return tmp_path / "große zahlen"


def _two(root: Path) -> None:
    model = make(root / "große zahlen")
    take(model, "v1", "First")
    put(model, "initial", {"more": noise(300_000, 1)})
    take(model, "v2")


class TestRename:
    def test_in_a_subdirectory(self, gitstore: Gitstore, here: Path, fsck: Fsck) -> None:
        assert gitstore("rename", "v1", "größte", cwd=here / "code").code == 0
        assert gitstore("verify", "größte", cwd=here).code == 0
        assert "First" in gitstore("list", cwd=here).stdout
        fsck(here)

    def test_json_has_both_tags(self, gitstore: Gitstore, here: Path, git: Git) -> None:
        old = git("rev-parse", "v1", cwd=here).strip()
        report = json.loads(gitstore("rename", "v1", "v3", "--json", cwd=here).stdout)
        new = git("rev-parse", "v3", cwd=here).strip()
        assert (report["tag"], report["renamed_from"]["tag"]) == (new, old)


class TestRm:
    def test_a_dry_run(self, gitstore: Gitstore, here: Path) -> None:
        before = refs(here)
        assert gitstore("rm", "v1", "v2", "--dry-run", cwd=here).code == 0
        assert refs(here) == before

    def test_a_base(self, gitstore: Gitstore, here: Path, fsck: Fsck) -> None:
        gitstore("derive", "v2", "dogs", cwd=here)
        dogs = here.parent / "dogs"
        gitstore("snapshot", "d1", cwd=dogs)
        before = refs(here)
        assert gitstore("rm", "v2", cwd=here).code == 1
        assert refs(here) == before
        assert gitstore("rm", "v2", "--force", cwd=here).code == 0
        assert gitstore("gc", cwd=dogs).code == 0
        assert gitstore("verify", "--all", cwd=here).code == 0
        assert gitstore("snapshot", "d2", cwd=dogs).code == 0
        evaluated = gitstore("evaluate", "d2", "-p", "values=[1.5]", cwd=dogs)
        assert json.loads(evaluated.stdout)["products"] == [3.0]
        fsck(here)

    def test_json_says_what_it_frees(self, gitstore: Gitstore, here: Path) -> None:
        report = json.loads(gitstore("rm", "v2", "--json", cwd=here).stdout)
        assert 300_000 < report["exclusive_bytes"] < 301_000

    def test_what_is_not_there_spares_the_others(self, gitstore: Gitstore, here: Path) -> None:
        assert gitstore("rm", "v1", "v3", cwd=here).code == 1
        assert "refs/tags/v1" in refs(here)

    @pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
    def test_on_a_terminal_it_asks(self, here: Path, answer: str, code: int) -> None:
        mine, theirs = pty.openpty()
        os.write(mine, f"{answer}\n".encode())
        program = stand_ins() / "gitstore"
        done = subprocess.run([program, "rm", "v2"], cwd=here, stdin=theirs, capture_output=True, text=True)
        os.close(mine)
        os.close(theirs)
        assert done.returncode == code
        assert "Remove v2? [y/N]: " in done.stderr
        assert ("refs/tags/v2" in refs(here)) is (code != 0)

    def test_yes_on_a_terminal(self, here: Path) -> None:
        mine, theirs = pty.openpty()
        program = stand_ins() / "gitstore"
        done = subprocess.run([program, "rm", "-y", "v2"], cwd=here, stdin=theirs, capture_output=True)
        os.close(mine)
        os.close(theirs)
        assert (done.returncode, b"?" in done.stderr) == (0, False)


class TestGc:
    def test_many_packs_of_git_are_summed_up(self, run: Run, here: Path, git: Git) -> None:
        for number in range(7):
            oid = git("hash-object", "-w", "--stdin", cwd=here, stdin=noise(1000, number))
            git("pack-objects", "-q", ".git/objects/pack/pack", cwd=here, stdin=oid.encode())
            git("prune-packed", cwd=here)
        lines = run("gc", "-n", cwd=here).stderr.splitlines()
        assert len([line for line in lines if line.startswith("  pack-")]) == 5
        assert any(line.startswith("  and 2 more: ") for line in lines)

    def test_in_a_subdirectory_with_a_lock_of_git(
        self, gitstore: Gitstore, here: Path, git: Git, fsck: Fsck
    ) -> None:
        gitstore("rm", "v2", cwd=here)
        (here / ".git" / "objects" / "pack" / "gitstore-tmp-idx-x").write_bytes(b"x")
        (here / ".git" / "index.lock").touch()
        git("hash-object", "-w", "--stdin", cwd=here, stdin=noise(5000))
        would_free = json.loads(gitstore("gc", "-n", "--json", cwd=here).stdout)
        freed = json.loads(gitstore("gc", "--json", cwd=here / "code").stdout)
        assert freed == {**would_free, "dry_run": False}
        assert freed["locks"] == [f"{here}/.git/index.lock"]
        assert (len(freed["removed"]), len(freed["leftovers"]), freed["foreign"] > 5000) == (1, 1, True)
        (here / ".git" / "index.lock").unlink()
        assert json.loads(gitstore("gc", "--json", cwd=here).stdout)["freed"] == 0
        fsck(here)

    def test_json(self, gitstore: Gitstore, here: Path) -> None:
        gitstore("rm", "v2", cwd=here)
        found = json.loads(gitstore("gc", "--json", cwd=here).stdout)
        assert found["freed"] > 300_000
        assert [each["name"] for each in found["snapshots"]] == ["v2"]
        assert (found["left"], found["foreign"], found["locks"], found["dry_run"]) == (0, 0, [], False)

    def test_while_another_command_writes(self, gitstore: Gitstore, here: Path) -> None:
        with Repository.discover(here).writing():
            outcome = gitstore("gc", cwd=here)
        assert (outcome.code, f"{here}/.git" in outcome.stderr) == (11, True)

    def test_where_there_is_no_repository(self, gitstore: Gitstore, tmp_path: Path) -> None:
        assert gitstore("gc", cwd=tmp_path).code == 10

    def test_beside_snapshots(self, here: Path, fsck: Fsck, git: Git) -> None:
        """Each collects or writes, or says that the other does."""
        remove.remove(remove.plan_removal([snapshot.read_own_snapshots(Model.open(here))[-1]]))
        put(Model.open(here), "initial", {"large": noise(8_000_000, 5)})
        commands = ["snapshot a", "gc", "state save", "gc", "snapshot b", "gc"]
        done = []
        for command in commands:
            done.append((command, start(*command.split(), cwd=here)))
            time.sleep(0.05)
        for command, process in done:
            found = outcome(process)
            locked = f"error: another gitstore command is writing in {here}/.git\n"
            if command == "gc" and found.code:
                assert (found.code, found.stdout) == (11, "") and found.stderr.startswith(locked)
            else:
                assert found.code == 0, found
        assert git("tag", cwd=here).split() == ["a", "b", "v1"]
        gc.collect_garbage(Repository.discover(here))
        assert not next(state.list_states(Model.open(here))).is_modified
        fsck(here)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A model with v0, v1 and v2; v1 is removed, and has parts of packs and a pack of its own."""
    model = make(tmp_path / "template")
    take(model, "v0")
    put(model, "initial", {"a": noise(3_000_000, 1), "b": noise(3_000_000, 2)})
    gone = take(model, "v1")
    put(model, "initial", {"b": noise(3_000_000, 3)})
    take(model, "v2")
    remove.remove(remove.plan_removal([gone]))
    return model.directory


def test_gc_killed_at_random_instants(
    request: pytest.FixtureRequest, template: Path, tmp_path: Path, fsck: Fsck, gitstore: Gitstore
) -> None:
    """It loses nothing, and the next one leaves nothing."""
    kills = request.config.getoption("--kills")
    began = time.monotonic()
    assert gitstore("gc", cwd=copied(template, tmp_path / "whole")).code == 0
    duration = time.monotonic() - began
    shutil.rmtree(tmp_path / "whole")
    draw = random.Random("gc")
    for number in range(kills):
        directory = copied(template, tmp_path / str(number))
        before = tags(directory)
        process = start("gc", cwd=directory)
        time.sleep((number + draw.random()) / kills * duration * 1.05)
        kill(process, group=number % 2 == 0)
        fsck(directory)
        sound(directory)
        assert tags(directory) == before
        gc.collect_garbage(Repository.discover(directory))
        assert tags(directory) == before
        assert leftovers(directory) == []
        found = gc.collect_garbage(Repository.discover(directory))
        assert (found.freed, found.snapshots) == (0, [])
        sound(directory)
        fsck(directory)
        shutil.rmtree(directory)


def tags(directory: Path) -> set[str]:
    return {ref for ref in refs(directory) if ref.startswith("refs/tags/")}
