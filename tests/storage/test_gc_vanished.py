"""Refs that vanish without gitstore take nothing along at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.snapshots import remove
from gitstore.states.save import save_state
from gitstore.storage import gc
from gitstore.storage.gc import GcReport
from tests.support.commands import Git, Run, fsck
from tests.support.models import noise, put, refs, take


def collected(here: Path, *, prune_vanished: bool = False) -> GcReport:
    return gc.collect_garbage(Repository.discover(here), prune_vanished=prune_vanished)


def states(here: Path) -> list[str]:
    return [
        each.name
        for each in snapshot.read_all_snapshots(Repository.discover(here))
        if each.list_state_files()
    ]


def missed(done: GcReport) -> list[str]:
    return [each.ref for each in done.vanished]


def test_packed_refs_that_are_cut_to_nothing(here: Path, git: Git, run: Run) -> None:
    save_state(Model.open(here), "initial")
    collected(here)
    git("pack-refs", "--all", cwd=here)
    before = refs(here)
    (here / ".git" / "packed-refs").write_bytes(b"")
    git("reflog", "expire", "--expire=now", "--all", cwd=here)
    for _ in range(2):
        done = collected(here)
        assert missed(done) == ["refs/heads/main", "refs/states/initial", "refs/tags/v1", "refs/tags/v2"]
        assert (done.freed, done.snapshots) == (0, [])
    said = run("gc", cwd=here).stderr
    for line in said.splitlines():
        if "git update-ref" in line:
            git(*line.partition("; git ")[2].partition(" restores")[0].split(), cwd=here)
    assert refs(here) == before
    assert states(here) == ["v1", "v2"]
    assert collected(here).vanished == []
    git("pack-refs", "--all", cwd=here)  # git 2.50 and later warn of an empty file
    fsck(here)


def test_what_gitstore_removes_goes_at_once(here: Path) -> None:
    remove.remove(remove.plan_removal(snapshot.read_all_snapshots(Repository.discover(here))[1:]))
    done = collected(here)
    assert done.vanished == []
    assert done.freed > 30_000


def test_what_git_removes_goes_after_a_time(here: Path, git: Git) -> None:
    git("tag", "-d", "v2", cwd=here)
    assert missed(collected(here)) == ["refs/tags/v2"]
    record = here / ".git" / "gitstore" / "refs-seen"
    lines = [line.split(" ") for line in record.read_text().splitlines()]
    for line in lines:
        line[1] = str(int(line[1]) - 15 * 86400) if line[0] == "missed" else line[1]
    record.write_text("".join(" ".join(line) + "\n" for line in lines))
    done = collected(here)
    assert done.vanished == []
    assert done.freed > 30_000


def test_the_time_is_that_of_git(here: Path, git: Git) -> None:
    git("config", "gc.pruneExpire", "now", cwd=here)
    git("tag", "-d", "v2", cwd=here)
    assert collected(here).freed > 30_000


def test_on_request_it_goes_now(here: Path, git: Git, run: Run) -> None:
    git("tag", "-d", "v2", cwd=here)
    assert collected(here).freed == 0
    assert run("gc", "--dry-run", "--prune-vanished", cwd=here).code == 0
    assert collected(here, prune_vanished=True).freed > 30_000
    assert collected(here).vanished == []


def test_a_tag_or_a_state_that_git_moves(here: Path, git: Git) -> None:
    """`git tag -f`, or a fetch with a plus, over somebody's weights."""
    save_state(Model.open(here), "initial")
    saved = git("rev-parse", "refs/states/initial", cwd=here)
    empty = git("commit-tree", "-m", "other", git("mktree", cwd=here, stdin=b"").strip(), cwd=here).strip()
    git("update-ref", "refs/states/initial", empty, cwd=here)
    git("tag", "-f", "v2", "v1", cwd=here)
    done = collected(here)
    assert missed(done) == ["refs/states/initial", "refs/tags/v2"]
    git("update-ref", "refs/states/initial", saved.strip(), cwd=here)
    fsck(here)


def test_another_name_for_the_same_is_no_loss(here: Path, git: Git) -> None:
    git("update-ref", "refs/tags/other", "refs/tags/v2", cwd=here)
    git("update-ref", "-d", "refs/tags/v2", cwd=here)
    assert collected(here).vanished == []


def test_a_clone_learns_from_its_first_gc(here: Path, git: Git, tmp_path: Path) -> None:
    git("clone", "--quiet", "--bare", str(here), "bare.git", cwd=tmp_path)
    bare = tmp_path / "bare.git"
    gc.collect_garbage(Repository(bare))
    git("update-ref", "-d", "refs/tags/v2", cwd=bare)
    assert [each.ref for each in gc.collect_garbage(Repository(bare)).vanished] == ["refs/tags/v2"]


def test_rm_does_not_promise_what_a_vanished_ref_keeps(here: Path, git: Git) -> None:
    put(Model.open(here), "initial", {"more": noise(30_000, 1)})
    take(Model.open(here), "v3")
    git("tag", "-d", "v2", cwd=here)
    v3 = next(each for each in snapshot.read_all_snapshots(Repository.discover(here)) if each.name == "v3")
    removal = remove.plan_removal([v3])
    assert removal.exclusive > 30_000
    assert removal.exclusive - removal.withheld < 1000
    remove.remove(removal)
    assert collected(here).freed < 5000


def test_a_ref_that_is_damaged_stops_gc(here: Path) -> None:
    """git leaves it out when it lists what is needed, with a warning alone."""
    path = here / ".git" / "refs" / "tags" / "v2"
    assert path.exists()
    before = sorted(os.listdir(here / ".git/objects/pack"))
    for content in (b"", b"junk\n", bytes(41)):
        path.write_bytes(content)
        with pytest.raises(Corrupt, match="refs/tags/v2"):
            collected(here)
        assert sorted(os.listdir(here / ".git/objects/pack")) == before
