"""Whatever kills a writing command, and whatever runs beside it, the repository is as before or as after."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.models import snapshot, state
from gitstore.models.model import Model
from gitstore.snapshots import verify
from gitstore.states.save import save_state
from tests.support import combinations, scenes
from tests.support.commands import Fsck, Git, Gitstore, Outcome
from tests.support.kills import copied
from tests.support.models import make, noise, picture, put, refs, take
from tests.support.processes import GITSTORE, alive, kill, outcome, start

SIZE = 12_000_000
"""A dozen parts: writing them takes most of a command's time."""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A model with a snapshot, whose state then changed by 12 MB."""
    scenes.copy(_template, tmp_path)
    return tmp_path / "template"


def _template(root: Path) -> None:
    model = make(root / "template")
    take(model, "v0")
    save_state(model, "initial")
    content = noise(SIZE)
    put(model, "initial", {"large": content, "sub/small": content[:100_000]})


def leftovers(directory: Path) -> list[str]:
    """Files that a killed command left: temporary ones, and packs without an index."""
    packs = directory / ".git" / "objects" / "pack"
    found = [path.name for path in packs.iterdir() if path.name.startswith("gitstore-tmp-")]
    found += [path.name for path in packs.glob("*.pack") if not path.with_suffix(".idx").exists()]
    private = directory / ".git" / "gitstore"
    return found + ([path.name for path in private.glob(".*~new-*")] if private.is_dir() else [])


@combinations.sample(2)
@pytest.mark.parametrize("group", [False, True], ids=["process", "group"])
@pytest.mark.parametrize("command", ["snapshot v1", "state save"])
def test_kill_at_random_instants(
    request: pytest.FixtureRequest,
    template: Path,
    tmp_path: Path,
    git: Git,
    fsck: Fsck,
    gitstore: Gitstore,
    command: str,
    *,
    group: bool,
) -> None:
    kills = request.config.getoption("--kills")
    ref = "refs/tags/v1" if command.startswith("snapshot") else "refs/states/initial"
    began = time.monotonic()
    assert gitstore(*command.split(), cwd=copied(template, tmp_path / "whole")).code == 0
    duration = time.monotonic() - began
    shutil.rmtree(tmp_path / "whole")
    # One of each equal slice of the run, so that every phase is hit; a little beyond its end too.
    draw = random.Random(f"{command} {group}")
    instants = [(number + draw.random()) / kills * duration * 1.05 for number in range(kills)]
    for number, instant in enumerate(instants):
        directory = copied(template, tmp_path / str(number))
        before = refs(directory)
        process = start(*command.split(), cwd=directory)
        time.sleep(instant)
        kill(process, group=group)
        fsck(directory)
        after = refs(directory)
        assert {name: oid for name, oid in after.items() if name != ref} == {
            name: oid for name, oid in before.items() if name != ref
        }
        done = after.get(ref) != before.get(ref)
        sound(directory)
        again = gitstore(*command.split(), cwd=directory)
        if again.code == 11:  # a git that was killed with its lock in hand
            lock = directory / ".git" / f"{ref}.lock"
            assert again.stderr.endswith(
                f"hint: if no git process is running, a crash left the lock: remove {lock}\n"
            )
            lock.unlink()
            again = gitstore(*command.split(), cwd=directory)
        if done and command.startswith("snapshot"):
            assert again.code == 1
            assert again.stderr.startswith("error: the snapshot v1 already exists")
        else:
            assert again.code == 0, again.stderr
        holds(directory, git, ref)
        sound(directory)
        fsck(directory)
        assert len(leftovers(directory)) <= 3
        shutil.rmtree(directory)


def sound(directory: Path) -> None:
    """All snapshots there are verify, to the last object."""
    model = Model.open(directory)
    tags = verify.list_tags(model.repository, "refs/tags/", below=True)
    assert "refs/tags/v0" in dict(tags)
    assert verify.verify(model.repository, tags).problems == ()


def holds(directory: Path, git: Git, ref: str) -> None:
    """The ref has what is on disk."""
    model = Model.open(directory)
    if ref.startswith("refs/tags/"):
        tree = next(each.state_tree for each in snapshot.read_own_snapshots(model) if each.ref == ref)
    else:
        (found,) = state.list_states(model)
        assert not found.is_modified
        tree = found.tree  # type: ignore[assignment]
    assert state.measure_tree(model, tree) == SIZE + 100_000 + 8


def test_a_lock_that_a_killed_git_left(model: Model, gitstore: Gitstore, fsck: Fsck) -> None:
    """Made for certain: git stops with the tag's lock in hand, and all of it is killed."""
    here = model.directory
    take(model, "v0")
    lock = here / ".git" / "refs" / "tags" / "v1.lock"
    lock.touch()  # what such a git leaves: see git's lockfile.h
    first = gitstore("snapshot", "v1", cwd=here)
    assert first == Outcome(
        11,
        "",
        "error: refs/tags/v1 is locked by another git process\n"
        f"hint: if no git process is running, a crash left the lock: remove {lock}\n",
    )
    assert gitstore("verify", cwd=here).code == 0
    lock.unlink()
    assert gitstore("snapshot", "v1", cwd=here).code == 0
    fsck(here)


def test_failures_do_not_pile_up(model: Model, gitstore: Gitstore) -> None:
    """A lock that stays makes every try fail; the packs of the tries are not kept one by one."""
    take(model, "v0")
    lock = model.directory / ".git" / "refs" / "tags" / "v1.lock"
    lock.touch()
    for _ in range(6):
        assert gitstore("snapshot", "v1", cwd=model.directory).code == 11
    assert leftovers(model.directory) == []
    # same objects, same second, same pack: the fixed clock of the tests makes them all one
    assert len(list((model.directory / ".git" / "objects" / "pack").glob("*.pack"))) <= 2


class TestTwoAtOnce:
    def run(self, directory: Path, *commands: str) -> list[Outcome]:
        processes = [start(*command.split(), cwd=directory) for command in commands]
        return [outcome(process) for process in processes]

    def test_snapshots_of_different_names(self, template: Path, fsck: Fsck, git: Git) -> None:
        done = self.run(template, "snapshot v1", "snapshot v2", "snapshot v3")
        assert [each.code for each in done] == [0, 0, 0], done
        sound(template)
        fsck(template)
        assert git("tag", cwd=template).split() == ["v0", "v1", "v2", "v3"]

    def test_snapshots_of_the_same_name(self, template: Path, fsck: Fsck) -> None:
        done = self.run(template, "snapshot v1", "snapshot v1 -m other")
        assert sorted(each.code for each in done) == [0, 1]
        (failed,) = [each for each in done if each.code]
        assert failed.stdout == ""
        assert re.fullmatch(
            r"error: the snapshot v1 already exists"
            r"(: another command created it meanwhile|, and a snapshot never changes)\n"
            r"hint: choose another name\n",
            failed.stderr,
        )
        sound(template)
        fsck(template)

    def test_saves_of_the_same_state(self, template: Path, fsck: Fsck, git: Git) -> None:
        done = self.run(template, "state save", "state save")
        assert 0 in [each.code for each in done]
        for failed in (each for each in done if each.code):
            assert failed.code == 1
            assert failed.stderr == (
                "error: refs/states/initial has changed\n"
                "hint: another command changed it meanwhile;"
                " check its change, then run the same command again\n"
            )
        holds(template, git, "refs/states/initial")
        fsck(template)

    def test_a_snapshot_and_a_saved_state(self, template: Path, fsck: Fsck, git: Git) -> None:
        done = self.run(template, "snapshot v1", "state save")
        assert [each.code for each in done] == [0, 0], done
        holds(template, git, "refs/states/initial")
        sound(template)
        fsck(template)

    def test_derived_models_of_the_same_name(self, template: Path, fsck: Fsck, git: Git) -> None:
        done = self.run(template, "derive v0 dogs ../dogs-1", "derive v0 dogs ../dogs-2")
        assert [each.code for each in done].count(0) == 1, done
        assert all(
            each.stderr.startswith("error: ") and "Traceback" not in each.stderr for each in done if each.code
        )
        assert git("worktree", "list", cwd=template).count("[dogs]") == 1
        fsck(template)

    def test_a_snapshot_while_git_collects_garbage(
        self, template: Path, fsck: Fsck, gitstore: Gitstore
    ) -> None:
        """What is there but not yet referred to must not be pruned from under the snapshot.

        `--prune=now` takes files away that are being written, git's own too, as git-gc(1) warns: then the
        snapshot fails, whole.
        """
        collecting = subprocess.Popen(
            ["sh", "-c", "while git gc --quiet --prune=now; do :; done"],
            cwd=template,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            done = {}
            for name in ("v1", "v2", "v3", "v4"):
                done[name] = gitstore("snapshot", name, cwd=template)
                put(Model.open(template), "initial", {"more": noise(200_000, len(done))})
        finally:
            os.killpg(collecting.pid, signal.SIGKILL)
            collecting.wait()
            while alive(collecting.pid):
                time.sleep(0.005)
        for left in [*(template / ".git").glob("**/*.lock"), *(template / ".git").glob("gc.pid*")]:
            left.unlink()  # of the git that was killed
        sound(template)
        fsck(template)
        for name, each in done.items():
            if each.code:
                assert (each.code, each.stdout) == (1, "")
                assert "hint: nothing was recorded; " in each.stderr
                assert f"refs/tags/{name}" not in refs(template)
                assert gitstore("snapshot", name, cwd=template).code == 0
        sound(template)
        fsck(template)


def limited(size: int) -> Callable[[], None]:
    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_file_that_may_not_grow(template: Path, fsck: Fsck, gitstore: Gitstore) -> None:
    """`state save` writes packs in the same way: see the full disk."""
    before = refs(template), picture(template)
    packs = sorted((template / ".git" / "objects" / "pack").iterdir())
    done = subprocess.run(
        [GITSTORE, "snapshot", "v1"],
        cwd=template,
        capture_output=True,
        text=True,
        preexec_fn=limited(9_000_000),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"error: cannot write a pack in {template}/.git/objects/pack: File too large\n"
        "hint: nothing was recorded; make room or fix the directory's permissions, then try again\n",
    )
    assert (refs(template), picture(template)) == before
    assert sorted((template / ".git" / "objects" / "pack").iterdir()) == packs
    assert leftovers(template) == []
    fsck(template)
    assert gitstore("snapshot", "v1", cwd=template).code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
class TestAFullDisk:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> object:
        """A file system of 24 MiB, with a model on it that leaves too little room for its state again."""
        where = tmp_path / "disk"
        where.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(where)], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("mounting is not allowed here")
        yield where
        subprocess.run(["umount", "--lazy", str(where)], check=True)

    def test_while_writing(self, disk: Path, fsck: Fsck, gitstore: Gitstore, git: Git) -> None:
        model = make(disk / "m")
        take(model, "v0")
        put(model, "initial", {"large": noise(14_000_000)})
        here, packs = model.directory, model.repository.common / "objects" / "pack"
        before = refs(here), picture(here), sorted(packs.iterdir())
        for command in ("snapshot v1", "state save"):
            assert gitstore(*command.split(), cwd=here) == Outcome(
                1,
                "",
                f"error: cannot write a pack in {packs}: No space left on device\n"
                "hint: nothing was recorded; make room or fix the directory's permissions, then try again\n",
            )
            assert (refs(here), picture(here), sorted(packs.iterdir())) == before
        fsck(here)
        sound(here)

    def test_while_writing_out(self, disk: Path, gitstore: Gitstore, tmp_path: Path) -> None:
        model = make(tmp_path / "m")
        put(model, "initial", {"large": noise(30_000_000)})
        take(model, "v1")
        done = gitstore("export", "v1", str(disk / "out"), cwd=model.directory)
        assert (done.code, done.stdout) == (1, "")
        assert done.stderr == f"error: cannot write below {disk}: No space left on device\n"
        assert list(disk.iterdir()) == []
