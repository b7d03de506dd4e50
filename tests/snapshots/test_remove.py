from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.git.refs import RefChanged
from gitstore.models.dependents import Dependents
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects import prune
from gitstore.snapshots import remove
from gitstore.snapshots.remove import HasDependents
from gitstore.storage import gc, usage
from tests.storage.test_usage import Counted, holder
from tests.support import scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import make, noise, picture, put, refs, take


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """digits: v1 with 20 kB of weights, and v2 with 30 kB more."""
    scenes.copy(_two_snapshots, tmp_path)
    return Model.open(tmp_path / "digits")


@pytest.fixture
def v1(model: Model) -> Snapshot:
    return scenes.find(model.directory.parent, "v1")


@pytest.fixture
def v2(model: Model) -> Snapshot:
    return scenes.find(model.directory.parent, "v2")


def _two_snapshots(root: Path) -> None:
    model = make(root / "digits")
    put(model, "initial", {"base": noise(20_000)})
    take(model, "v1")
    put(model, "initial", {"more": noise(30_000, 1)})
    take(model, "v2")


def test_it_says_what_usage_says(model: Model, v1: Snapshot, v2: Snapshot) -> None:
    for each in (v1, v2):
        bill = holder(usage.measure(model.repository), each.ref)
        removal = remove.plan_removal([each])
        assert (removal.exclusive, removal.withheld) == (bill.exclusive, 0)


def test_several_share_what_they_have_together(model: Model, v1: Snapshot, v2: Snapshot) -> None:
    alone = [remove.plan_removal([each]).exclusive for each in (v1, v2)]
    before = Counted.of(model.directory).live
    together = remove.plan_removal([v1, v2, v1])
    assert together.exclusive > sum(alone) + 20_000
    assert together.snapshots == (v1, v2)
    remove.remove(together)
    assert before - Counted.of(model.directory).live == together.exclusive


def test_what_gc_leaves_is_not_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsck: Fsck) -> None:
    """A large pack that is mostly needed stays as it is."""
    model = make(tmp_path / "digits")
    monkeypatch.setattr(prune, "LARGE_PACK", 100_000)
    put(model, "initial", {"base": noise(200_000), "small": b"one"})
    v1 = take(model, "v1")
    put(model, "initial", {"small": b"two"})
    take(model, "v2")
    removal = remove.plan_removal([v1])
    assert 0 < removal.exclusive == removal.lasting == removal.withheld
    remove.remove(removal)
    before = usage.measure(model.repository).disk
    done = gc.collect_garbage(model.repository)
    assert (done.left, usage.measure(model.repository).disk) == (removal.lasting, before)
    fsck(model.directory)


def test_only_the_tag_goes(model: Model, v1: Snapshot) -> None:
    before = refs(model.directory), picture(model.directory)
    remove.remove(remove.plan_removal([v1]))
    assert v1.repository.refs.get("refs/tags/v1") is None
    del before[0]["refs/tags/v1"]
    assert (refs(model.directory), picture(model.directory)) == before


def test_who_is_based_on_it(model: Model, v1: Snapshot, v2: Snapshot, tmp_path: Path) -> None:
    dogs = worktree.derive(v1, "dogs", tmp_path / "dogs").model
    cats = worktree.derive(v1, "große-katzen", tmp_path / "cats").model
    pups = worktree.derive(take(dogs, "d1"), "pups", tmp_path / "pups").model
    take(cats, "c1")
    take(pups, "p1")
    assert remove.plan_removal([v2]).dependents == Dependents((), ())
    removal = remove.plan_removal([v1])
    assert removal.dependents == Dependents(("dogs", "große-katzen"), ("dogs@d1", "große-katzen@c1"))
    with refuses("dogs", "große-katzen", "v1", kind=HasDependents):
        remove.check_dependents(removal)
    with refuses("dogs", "große-katzen", "v1", "v2", kind=HasDependents):
        remove.check_dependents(remove.plan_removal([v1, v2]))
    remove.check_dependents(remove.plan_removal([v2]))


def test_a_model_whose_branch_is_gone_needs_nothing(v1: Snapshot, tmp_path: Path, git: Git) -> None:
    dogs = worktree.derive(v1, "dogs", tmp_path / "dogs").model
    take(dogs, "d1")
    git("worktree", "remove", "--force", str(dogs.directory), cwd=v1.repository.directory)
    git("branch", "-D", "dogs", cwd=v1.repository.directory)
    removal = remove.plan_removal([v1])
    assert removal.dependents == Dependents((), ("dogs@d1",))
    remove.check_dependents(removal)


def test_broken_neighbours_do_not_matter(model: Model, v1: Snapshot, git: Git) -> None:
    here = model.directory
    git("tag", "--annotate", "-m", "x\n\nGitstore-Format: 9", "future", cwd=here)
    git("switch", "--quiet", "-c", "odd", cwd=here)
    (here / "settings.yaml").write_text("based_on: [\n")
    git("commit", "--quiet", "-am", "broken", cwd=here)
    assert remove.plan_removal([v1]).dependents == Dependents((), ())


def test_a_tag_that_somebody_moved_meanwhile(model: Model, v1: Snapshot, v2: Snapshot, git: Git) -> None:
    """Then none of them is removed."""
    removal = remove.plan_removal([v1, v2])
    git("tag", "--force", "--annotate", "-m", "other", "v2", "main", cwd=model.directory)
    before = refs(model.directory)
    with refuses("refs/tags/v2", kind=RefChanged):
        remove.remove(removal)
    assert refs(model.directory) == before
    git("tag", "--delete", "v2", cwd=model.directory)
    with refuses("refs/tags/v2", kind=RefChanged):
        remove.remove(removal)
    assert "refs/tags/v1" in refs(model.directory)
