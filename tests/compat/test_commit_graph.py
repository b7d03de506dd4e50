"""What git notes of commits to be faster: it must not go on to name those that gc has dropped."""

from __future__ import annotations

import pytest

from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.snapshots import remove
from gitstore.storage import gc
from tests.support.commands import Fsck, Git
from tests.support.models import take


@pytest.mark.parametrize("form", ["gc", "commit-graph write --reachable --split"])
def test_after_a_snapshot_is_gone(model: Model, git: Git, fsck: Fsck, form: str) -> None:
    take(model, "v1")
    gone = take(model, "v2")
    git(*form.split(), cwd=model.directory)
    graphs = model.repository.common / "objects" / "info"
    assert list(graphs.glob("commit-graph*"))
    remove.remove(remove.plan_removal([gone]))
    gc.collect_garbage(Repository.discover(model.directory))
    fsck(model.directory)
    assert not [path for path in graphs.rglob("*graph*") if path.is_file()]


def test_stays_where_no_commit_goes(model: Model, git: Git, fsck: Fsck) -> None:
    take(model, "v1")
    git("gc", cwd=model.directory)
    gc.collect_garbage(Repository.discover(model.directory))
    assert (model.repository.common / "objects" / "info" / "commit-graph").exists()
    fsck(model.directory)
