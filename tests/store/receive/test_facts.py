"""What gitstore itself pushes is accepted, and each object is charged to one ref."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.packs.oid import Oid
from gitstore.store.receive import facts
from gitstore.store.receive.quarantine import Quarantine
from gitstore.transfer.wanted import Selection
from tests.support import crafting, models, scenes, sharing
from tests.support.commands import Fsck, Git, Run, git
from tests.support.crafting import Command, Craft

ALL = Selection(all_states=True, all_models=True)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository of a store."""
    directory = crafting.make_empty(tmp_path)
    for name, value in crafting.tell_hook(directory).items():
        monkeypatch.setenv(name, value)
    return directory


def push(model: Model, selection: Selection = ALL) -> dict[str, Any]:
    """Push everything, and return the facts that the last hook found."""
    sharing.send(model, selection)
    (bare,) = model.directory.parent.glob("*.git")
    return crafting.read_report(bare)


def charged(report: dict[str, Any]) -> dict[str, int]:
    """The number of objects that each ref is charged for."""
    return {ref: len(objects) for ref, _, objects in report["needed"]}


def test_the_bytes_of_a_pack_are_charged_to_its_refs(bare: Path, tmp_path: Path, fsck: Fsck) -> None:
    model = scenes.derived(tmp_path)
    models.take(model, "d1")
    digits = sharing.connect(Model.open(tmp_path / "digits"), bare)
    report = push(digits)
    needed = report["needed"]
    order = [
        "refs/tags/dogs/d1",
        "refs/tags/v1",
        "refs/states/dogs/initial",
        "refs/heads/dogs",
        "refs/heads/main",
    ]
    assert [ref for ref, _, _ in needed] == order
    every = [oid for _, _, objects in needed for oid in objects]
    assert sorted(every) == sorted(sharing.list_objects(bare))
    assert len(every) == len(set(every))
    assert report["pack"] == sum(size for _, _, objects in needed for size, _ in objects.values()) + 32
    assert needed[0][1] == git("rev-parse", "refs/tags/dogs/d1", cwd=bare).strip()
    assert needed[2][1] is None
    assert report["relied_on"] == []
    fsck(Repository(bare))


def test_a_second_snapshot_is_charged_for_what_is_new(bare: Path, tmp_path: Path) -> None:
    scenes.snapshot(tmp_path)
    digits = sharing.connect(Model.open(tmp_path / "digits"), bare)
    push(digits)
    models.put(digits, "initial", {"more": b"more"})
    models.take(digits, "v2")
    report = push(digits)
    (v2,) = (objects for ref, _, objects in report["needed"] if ref == "refs/tags/v2")
    new = {oid: size for oid, (size, _) in v2.items() if oid not in report["relied_on"]}
    assert len(new) == 5  # the tag, the commit, two trees and a file
    assert report["pack"] == sum(new.values()) + 32


def test_a_push_that_brings_no_objects(bare: Path, tmp_path: Path) -> None:
    scenes.snapshot(tmp_path)
    digits = sharing.connect(Model.open(tmp_path / "digits"), bare)
    push(digits)
    git("push", "--quiet", "origin", "main:refs/heads/second", cwd=digits.directory)
    report = crafting.read_report(bare)
    assert (report["pack"], charged(report)) == (0, {"refs/heads/second": 0})
    git("push", "--quiet", "origin", ":refs/heads/second", cwd=digits.directory)
    assert charged(crafting.read_report(bare)) == {}


def test_a_model_in_a_repository_of_its_own(bare: Path, tmp_path: Path) -> None:
    dogs = sharing.connect(scenes.referencing(tmp_path), bare)
    models.take(dogs, "d1")
    assert "refs/tags/d1" in charged(push(dogs))


def test_a_push_in_batches(bare: Path, tmp_path: Path) -> None:
    scenes.snapshot(tmp_path)
    digits = sharing.connect(Model.open(tmp_path / "digits"), bare)
    models.put(digits, "initial", {f"w{at}": bytes([at]) * 1000 for at in range(20)})
    models.take(digits, "v2")
    git("config", "gitstore.pushBatch", "300", cwd=digits.directory)
    report = push(digits)
    assert {ref for ref in charged(report) if ref.startswith("refs/tags/")} == {
        "refs/tags/v1",
        "refs/tags/v2",
    }
    assert not [ref for ref in crafting.list_refs(bare) if "transit" in ref]


def test_notes_and_records(bare: Path, tmp_path: Path, git: Git) -> None:
    scenes.snapshot(tmp_path)
    digits = sharing.connect(Model.open(tmp_path / "digits"), bare)
    push(digits)
    tag = git("rev-parse", "v1", cwd=digits.directory).strip()
    files = git("commit-tree", "-m", "files", "v1:state", cwd=digits.directory).strip()
    git("update-ref", f"refs/records/{tag}/tests", files, cwd=digits.directory)
    for text in ("one", "two"):
        git("notes", "--ref=evaluations", "append", "-m", text, "v1", cwd=digits.directory)
        refs = ("refs/notes/*:refs/notes/*", "refs/records/*:refs/records/*")
        git("push", "--quiet", "origin", *refs, cwd=digits.directory)
    assert charged(crafting.read_report(bare)) == {"refs/notes/evaluations": 3}


def test_what_a_deleted_ref_left_is_charged_again(tmp_path: Path) -> None:
    """It may go at any time: the collector names it, and it is looked for after the reservation."""
    bare = crafting.make_bare(tmp_path)
    craft = Craft()
    inner = craft.blob(b"left behind")
    tip = craft.commit(craft.tree({"f": b"left behind"}))
    other = "refs/heads/other"
    assert crafting.send(bare, [Command(other, tip)], craft.pack()).is_accepted
    assert crafting.send(bare, [Command(other, None, tip)], b"").is_accepted
    received = crafting.send(bare, [Command(other, tip)], Craft().pack())
    ((ref, _, objects),) = received.facts["needed"]
    assert (ref, set(objects)) == (other, set(received.facts["relied_on"]))
    assert str(inner) in objects
    assert sorted(children for _, children in objects.values()) == [0, 1, 1]
    assert all(size for size, _ in objects.values())
    repository = Repository(bare)
    assert facts.find_missing(repository, [tip, Oid(b"\1" * 20)]) == [Oid(b"\1" * 20)]


def test_several_commits_forward(tmp_path: Path) -> None:
    """Of the branch of HEAD, which writers may not rewrite, and of notes."""
    bare = crafting.make_bare(tmp_path)
    for ref in ("refs/heads/main", "refs/notes/evaluations"):
        old = crafting.list_refs(bare).get(ref)
        for _ in range(2):
            craft = Craft()
            tips = [old] if old is not None else []
            for at in range(3):
                tips = [craft.commit(craft.tree({"f": b"%d" % at}), *tips, message=ref)]
            received = crafting.send(bare, [Command(ref, tips[0], old)], craft.pack())
            assert received.is_accepted, received.text
            old = tips[0]


def test_descendants(tmp_path: Path) -> None:
    quarantine = Quarantine(Repository(crafting.make_bare(tmp_path)), None)
    main = crafting.list_refs(quarantine.repository.common)["refs/heads/main"]
    v1 = Oid.parse(git("rev-parse", "v1^{commit}", cwd=quarantine.repository.common).strip())
    other = Oid.parse(git("commit-tree", "-m", "x", "main^{tree}", cwd=quarantine.repository.common).strip())
    gone = Oid(b"\1" * 20)
    assert quarantine.select_descendants(main, {main, v1, other}) == {main, v1}
    assert quarantine.select_descendants(v1, {main, other}) == set()
    assert quarantine.select_descendants(gone, {main, v1}) == set()
    assert quarantine.select_descendants(main, set()) == set()


@pytest.fixture
def everything(bare: Path, tmp_path: Path) -> Iterator[Model]:
    """digits with two snapshots, two states and a derived model, and the repository to push to."""
    model = scenes.derived(tmp_path, "v1", "v2")
    models.take(model, "d1")
    yield sharing.connect(Model.open(tmp_path / "digits"), bare)


def test_a_reader_may_not_push(everything: Model, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("TEST_ROLE", "read")
    outcome = run("push", cwd=everything.directory)
    assert outcome.code == 1
    assert "needs the role write, and yours is read [role]" in outcome.stderr


def test_aliases(bare: Path, tmp_path: Path, run: Run) -> None:
    dogs = scenes.derived(tmp_path, "v1", "v2")
    models.take(dogs, "d1")
    digits = sharing.connect(Model.open(tmp_path / "digits"), bare)
    for model, snapshot in ((digits, "v1"), (digits, "v2"), (dogs, "d1")):
        assert run("alias", "set", "production", snapshot, cwd=model.directory).code == 0
    outcome = run("push", "--models", "--aliases", cwd=digits.directory)
    assert outcome.code == 0, outcome.stderr
    assert charged(crafting.read_report(bare))["refs/aliases/production"] == 2  # the moves; dogs has the tree


def test_a_rebased_and_then_detached_model(bare: Path, tmp_path: Path, run: Run) -> None:
    dogs = scenes.behind(tmp_path)
    digits = sharing.connect(Model.open(tmp_path / "digits"), bare)
    models.take(dogs, "d1")
    push(digits)
    for command in (["rebase", "v2"], ["snapshot", "d2"], ["detach"]):
        assert run(*command, cwd=dogs.directory).code == 0
    (dogs.directory / "code" / "model.py").write_text("# its own\n")
    assert run("snapshot", "d3", cwd=dogs.directory).code == 0
    assert {"refs/tags/dogs/d2", "refs/tags/dogs/d3"} <= charged(push(digits)).keys()


def test_files_in_parts_and_planes(bare: Path, tmp_path: Path, run: Run) -> None:
    scenes.snapshot(tmp_path)
    digits = sharing.connect(Model.open(tmp_path / "digits"), bare)
    weights = np.random.default_rng(1).normal(size=1_500_000).astype("float32")
    np.save(digits.directory / "states" / "initial" / "w.npy", weights)
    (digits.directory / "states" / "initial" / ".gitattributes").write_text("* text\n")
    models.take(digits, "v2")
    (v2,) = (objects for ref, _, objects in push(digits)["needed"] if ref == "refs/tags/v2")
    assert sum(size for size, _ in v2.values()) > 4_000_000
    assert "w.npy.planes" in git("ls-tree", "-r", "--name-only", "v2", cwd=bare)
