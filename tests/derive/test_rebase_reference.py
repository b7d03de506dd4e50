"""Moving a reference model to another snapshot, of a base that may have moved itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitstore.derive import standalone, worktree
from gitstore.derive.rebase import Incompatible, Rebased, rebase
from gitstore.errors import GitstoreError
from gitstore.models import reference, state
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.snapshots import verify
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.failing import names, refuses
from tests.support.models import make, noise, picture, put, refs, take


@pytest.fixture
def dogs(tmp_path: Path) -> Model:
    """A reference model on digits@v1, when digits has a v2 with 2 MB more, and other code."""
    scenes.copy(_scene, tmp_path)
    return Model.open(tmp_path / "dogs")


def _scene(root: Path) -> None:
    standalone.derive(scenes.snapshot(root), "dogs", root / "dogs")
    model = Model.open(root / "digits")
    path = model.directory / "code" / "model.py"
    path.write_text(path.read_text().replace("RATE = 2.0", "RATE = 5.0"))
    put(model, "initial", {"large": noise(2_000_000)})
    take(model, "v2")


def moved(dogs: Model, to: str, *, force: bool = False) -> Rebased:
    here = Model.open(dogs.directory)
    return rebase(here, reference.resolve_base(to, here, here.directory), force=force)


def test_to_another_snapshot(dogs: Model, base: Model, git: Git, fsck: Fsck) -> None:
    to = "../digits@v2"
    meant = [reference.resolve_base(text, dogs, dogs.directory) for text in ("v2", "digits@v2", to)]
    v2 = scenes.find(base.directory.parent, "v2")
    assert [(each.repository.common, each.tag_oid) for each in meant if isinstance(each, Snapshot)] == [
        (v2.repository.common, v2.tag_oid)
    ] * 3
    before = state.find_saved_tree(dogs, "initial")
    done = moved(dogs, to)
    assert done.commit is not None
    assert done.imported.linked > 1_900_000
    assert done.imported.copied < 1000
    assert done.model.base is not None
    assert (done.model.base.snapshot, done.model.base.url) == ("v2", done.url)
    assert done.url == str(base.directory).rstrip("/")
    path = dogs.directory / "code" / "model.py"
    assert ("RATE = 5.0" in path.read_text(), path.stat().st_mode & 0o777) == (True, 0o444)
    assert git("status", "--porcelain", cwd=dogs.directory) == ""
    assert git("tag", cwd=dogs.directory) == ""
    assert state.find_saved_tree(done.model, "initial") == before
    assert moved(dogs, to).commit is None
    shutil.rmtree(base.directory)
    found = take(done.model, "own")
    assert found.tag.trailers["Based-On"].startswith("digits@v2 ")
    assert verify.verify(found.repository, [(found.ref, found.tag_oid)]).problems == ()
    fsck(dogs.directory)


def test_a_base_that_has_moved(dogs: Model, base: Model, git: Git, tmp_path: Path) -> None:
    place = tmp_path / "größer  als"
    base.directory.rename(place)
    with refuses(str(base.directory).rstrip("/")):
        moved(dogs, "v1")
    done = moved(dogs, f"{place}@v1")  # the same snapshot: only its place is news
    assert done.commit is not None
    assert done.model.base is not None
    assert done.model.base.url == str(place)
    assert git("config", "remote.base.url", cwd=dogs.directory) == f"{place}\n"
    assert "refs/tags/v2" in git("ls-remote", "base", cwd=dogs.directory)
    assert moved(dogs, "v2").commit is not None


def test_by_url_only_what_is_missing(dogs: Model, base: Model) -> None:
    done = moved(dogs, f"file://{base.directory}@v2")
    assert done.imported.linked == 0
    assert 2_000_000 < done.imported.copied < 2_010_000
    put(base, "initial", {"more": noise(50_000, 3)})
    take(base, "v3")
    assert 50_000 < moved(dogs, "v3").imported.copied < 60_000
    private = dogs.repository.private
    assert not list(private.glob(".*~new-*"))


class TestRefusals:
    def refused(self, dogs: Model, to: str, *, force: bool = False) -> GitstoreError:
        before = refs(dogs.directory), picture(dogs.directory)
        with pytest.raises(GitstoreError) as caught:
            moved(dogs, to, force=force)
        assert (refs(dogs.directory), picture(dogs.directory)) == before
        return caught.value

    def test_no_such_snapshot(self, dogs: Model, base: Model) -> None:
        assert names(self.refused(dogs, "v9"), "v9")
        url = f"file://{base.directory}"
        assert names(self.refused(dogs, f"{url}@v9"), "v9", url)

    def test_types_that_no_longer_fit(self, dogs: Model, base: Model) -> None:
        path = base.directory / "settings.yaml"
        path.write_text(path.read_text().replace("[f64], shape: [-1]", "[f32], shape: [-1]"))
        take(base, "v3")
        error = self.refused(dogs, "v3")
        assert isinstance(error, Incompatible)
        assert "digits@v3 does not accept f64" in error.message
        assert moved(dogs, "v3", force=True).misfits == error.misfits

    def test_of_another_model(self, dogs: Model, tmp_path: Path) -> None:
        take(make(tmp_path / "other", "other"), "v1")
        error = self.refused(dogs, "../other@v1")
        assert names(error, "other@v1", "digits", "dogs")
        assert moved(dogs, "../other@v1", force=True).commit is not None

    def test_its_own_and_what_is_based_on_it(self, dogs: Model, tmp_path: Path) -> None:
        own = take(dogs, "own")
        assert names(self.refused(dogs, "dogs@own"), "dogs@own", "dogs itself")
        pugs = standalone.derive(own, "pugs", tmp_path / "pugs").model
        take(pugs, "v1")
        error = self.refused(dogs, "../pugs@v1", force=True)
        assert names(error, "pugs@v1", "dogs")

    def test_a_worktree_stays_in_its_repository(self, dogs: Model, base: Model, tmp_path: Path) -> None:
        v1: Snapshot = reference.resolve("v1", base.directory)
        cats = worktree.derive(v1, "cats", tmp_path / "cats").model
        take(make(tmp_path / "other", "other"), "v1")
        for to, called in {
            "../other@v1": "other@v1",
            "file:///nowhere@v1": "v1 in file:///nowhere",
        }.items():
            assert names(self.refused(cats, to), called)


def test_command(dogs: Model, run: Run) -> None:
    done = run("rebase", "v2", cwd=dogs.directory / "code")
    assert done.code == 0
    assert "digits@v1" in done.stderr and "digits@v2" in done.stderr
    assert done.stderr.endswith("linked 1.9 MiB\n")
    assert run("rebase", "v2", cwd=dogs.directory).code == 0
