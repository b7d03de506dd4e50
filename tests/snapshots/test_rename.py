from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.errors import GitstoreError, InvalidName, SnapshotExists
from gitstore.git import process as stock
from gitstore.git.refs import RefChanged
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.snapshots import rename, verify
from tests.support import scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import git_state, make, picture, refs, take, trailers

MESSAGE = "First\n\nIt multiplies.\n\n-- \nMore: of it, größer"


@pytest.fixture
def v1(tmp_path: Path) -> Snapshot:
    scenes.copy(_v1, tmp_path)
    return scenes.find(tmp_path)


@pytest.fixture
def model(v1: Snapshot) -> Model:
    return Model.open(v1.repository.directory)


def _v1(root: Path) -> None:
    take(make(root / "digits"), "v1", MESSAGE)


def sound(found: Snapshot) -> None:
    here = found.repository
    assert verify.verify(here, verify.list_tags(here, "refs/tags/", below=True)).problems == ()


def test_all_but_the_name_stays(
    model: Model, v1: Snapshot, fsck: Fsck, monkeypatch: pytest.MonkeyPatch, git: Git
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Somebody Else")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1800000000 +0100")
    before = picture(model.directory), git_state(model.directory)
    found = rename.rename(v1, "größte").snapshot
    assert (found.name, found.ref, found.tag.name) == ("größte", "refs/tags/größte", "größte")
    assert (found.commit, found.tree) == (v1.commit, v1.tree)
    assert (found.tag.tagger, found.tag.date) == (v1.tag.tagger, v1.tag.date)
    assert found.tag.message == v1.tag.message == MESSAGE
    said = trailers(model.directory, "größte")
    assert said.pop("Renamed-From") == f"v1 {v1.tag_oid}"
    assert list(said)[-1] == "Gitstore-Format"
    assert said == v1.tag.trailers
    assert git("cat-file", "tag", "größte", cwd=model.directory).splitlines()[-2:] == [
        f"Renamed-From: v1 {v1.tag_oid}", "Gitstore-Format: 1"
    ]  # fmt: skip
    assert v1.ref not in refs(model.directory)
    assert (picture(model.directory), git_state(model.directory)) == before
    sound(found)
    fsck(model.directory)


def test_again_and_back(v1: Snapshot) -> None:
    second = rename.rename(v1, "second").snapshot
    back = rename.rename(second, "v1").snapshot
    assert back.tag.trailers["Renamed-From"] == f"second {second.tag_oid}"
    assert [each.name for each in snapshot.read_all_snapshots(v1.repository)] == ["v1"]
    sound(back)


def test_derived_models_stay_valid(v1: Snapshot, tmp_path: Path, fsck: Fsck) -> None:
    dogs = worktree.derive(v1, "dogs", tmp_path / "dogs").model
    d1 = take(dogs, "d1")
    renamed = rename.rename(v1, "base")
    assert renamed.models == ("dogs",)
    take(dogs, "d2")
    sound(renamed.snapshot)
    of_dogs = rename.rename(d1, "first").snapshot
    assert (of_dogs.short_name, of_dogs.tag.name) == ("dogs@first", "dogs/first")
    assert of_dogs.tag.trailers["Based-On"] == d1.tag.trailers["Based-On"]
    sound(of_dogs)
    fsck(dogs.directory)


def test_names_that_cannot_be(tmp_path: Path) -> None:
    scenes.derived(tmp_path, "v2", "v1")
    v1 = scenes.find(tmp_path)
    before = refs(tmp_path / "digits")
    for name, kind in (
        ("v1", SnapshotExists),
        ("v2", SnapshotExists),
        ("dogs", GitstoreError),
        ("a b", InvalidName),
        ("dogs@v9", InvalidName),
    ):
        with refuses(name, kind=kind):
            rename.rename(v1, name)
    assert refs(tmp_path / "digits") == before


def test_a_name_that_somebody_takes_meanwhile(
    model: Model, v1: Snapshot, monkeypatch: pytest.MonkeyPatch, git: Git
) -> None:
    monkeypatch.setattr(rename, "check_vacant", lambda *_: None)
    take(model, "v2")
    before = refs(model.directory)
    with refuses("v2", kind=SnapshotExists):
        rename.rename(v1, "v2")
    assert refs(model.directory) == before
    git("tag", "--delete", "v1", cwd=model.directory)
    with refuses("refs/tags/v1", kind=RefChanged):
        rename.rename(v1, "v3")
    assert "refs/tags/v3" not in refs(model.directory)


@pytest.fixture
def signed(model: Model, v1: Snapshot, tmp_path: Path, git: Git) -> Snapshot:
    """v1 with a signature of a new SSH key, as git makes it."""
    if subprocess.run(["ssh-keygen", "-?"], capture_output=True, check=False).returncode == 127:
        pytest.skip("no ssh-keygen here")
    key, here = tmp_path / "key", model.directory
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    message = stock.run("tag", "--list", "--format=%(contents)", "v1", cwd=here).decode().rstrip() + "\n"
    git("tag", "--delete", "v1", cwd=here)
    configured = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={key}")
    arguments = ("--cleanup=verbatim", "--sign", "-F", "-", "v1", str(v1.commit))
    git(*configured, "tag", *arguments, cwd=here, stdin=message.encode())
    return next(each for each in snapshot.read_own_snapshots(Model.open(here)) if each.name == "v1")


def test_a_signature_is_for_the_old_name(signed: Snapshot) -> None:
    with refuses("v1", "signed"):
        rename.rename(signed, "v2")
    found = rename.rename(signed, "v2", force=True).snapshot
    assert b"SIGNATURE" not in found.repository.objects.read(found.tag_oid)[1]
    assert found.tag.message == MESSAGE
    sound(found)


def test_a_git_that_was_killed_between_the_two_tags_is_finished(
    model: Model, v1: Snapshot, git: Git, fsck: Fsck
) -> None:
    """Git sets the new ref, and then deletes the old one."""
    old = v1
    new = rename.rename(old, "v2").snapshot
    git("update-ref", old.ref, str(old.tag_oid), cwd=model.directory)
    with refuses("v2", kind=SnapshotExists):
        rename.rename(take(model, "v3"), "v2")
    again = rename.rename(old, "v2").snapshot
    assert (again.ref, again.tag_oid) == (new.ref, new.tag_oid)
    assert git("tag", "--list", cwd=model.directory).split() == ["v2", "v3"]
    fsck(model.directory)
