"""A model in a repository of its own costs next to nothing, whatever became of its base's packs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitstore.derive import standalone
from gitstore.derive.rebase import rebase
from gitstore.derive.worktree import Derived
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects import repack
from gitstore.snapshots import remove, rename, verify
from gitstore.states.save import save_state
from gitstore.storage import gc
from tests.support import combinations, scenes
from tests.support.commands import fsck, git
from tests.support.content import MIB
from tests.support.models import make, noise, put, take
from tests.support.packs import pack_names
from tests.support.processes import outcome
from tests.support.spawning import start

PART = MIB
"""Bytes of each file of the weights. One that is replaced is one part that is replaced."""

Scene = Callable[[Path], None]


def weights(*seeds: int, size: int = PART) -> dict[str, bytes]:
    """Files of noise: the number of each is its place, and its seed what it contains."""
    return {f"layer {number}": noise(size, seed) for number, seed in enumerate(seeds)}


def replace(model: Model, number: int, seed: int, *, size: int = PART) -> None:
    put(model, "initial", {f"layer {number}": noise(size, seed)})


def objects(*repositories: Path) -> Iterator[os.stat_result]:
    """Every file of the objects of repositories, each once, whatever names it has."""
    seen = set()
    for repository in repositories:
        for path in (repository / ".git" / "objects").rglob("*"):
            status = path.stat()
            if path.is_file() and status.st_ino not in seen:
                seen.add(status.st_ino)
                yield status


def disk(*repositories: Path) -> int:
    """Bytes of the objects of repositories on the disk."""
    return sum(status.st_size for status in objects(*repositories))


def derive(root: Path, snapshot: str, name: str = "dogs") -> Derived:
    return standalone.derive(scenes.find(root, snapshot), name, root / name)


def limit(base: Snapshot) -> int:
    """What may be copied of a base: 1 MiB, and a twentieth of the bytes that its objects have in packs."""
    command = ("rev-list", "--objects", "--disk-usage", str(base.tag_oid))
    return MIB + int(base.repository.git(*command)) // 20


def check_shared(root: Path, snapshot: str, name: str = "dogs") -> Derived:
    """Derive, and check what was copied by the links of the files, and by what the disk has more."""
    others = [path.parent for path in root.glob("*/.git") if path.is_dir()]
    before, allowed = disk(*others), limit(scenes.find(root, snapshot))
    derived = derive(root, snapshot, name)
    assert count_copied(root / name) <= allowed
    assert disk(root / name, *others) - before <= allowed
    assert derived.imported.copied <= allowed
    return derived


def count_copied(repository: Path) -> int:
    """Bytes of the objects of a repository that it shares with no other."""
    return sum(status.st_size for status in objects(repository) if status.st_nlink == 1)


def check_sound(*directories: Path) -> None:
    """Stock git finds nothing, all snapshots verify, and no temporary file is left."""
    for directory in directories:
        fsck(directory)
        repository = Repository(directory / ".git")
        assert (
            verify.verify(repository, verify.list_tags(repository, "refs/tags/", below=True)).problems == ()
        )
        assert [name for name in pack_names(repository.common / "objects") if "tmp" in name] == []


def fresh(root: Path) -> None:
    """One snapshot of 6 MiB."""
    put(make(root / "digits"), "initial", weights(*range(6)))
    take(Model.open(root / "digits"), "v1")


def saved(root: Path) -> None:
    """A state that was saved before the snapshot: its commit is in the pack of the weights."""
    model = make(root / "digits")
    put(model, "initial", weights(*range(6)))
    save_state(model, "initial")
    take(model, "v1")


def renamed(root: Path) -> None:
    """The tag with the old name is in the pack of the weights."""
    fresh(root)
    rename.rename(scenes.find(root), "v2")
    rename.rename(scenes.find(root, "v2"), "v1")


def one_replaced(root: Path) -> None:
    """v2 has another first part."""
    fresh(root)
    model = Model.open(root / "digits")
    replace(model, 0, 10)
    take(model, "v2")


def grown(root: Path) -> None:
    """v2 has nearly as many bytes of its own as v1: today's rule merges their packs."""
    fresh(root)
    model = Model.open(root / "digits")
    put(model, "initial", {f"more {number}": noise(PART, 20 + number) for number in range(4)})
    take(model, "v2")
    replace(model, 5, 30)
    take(model, "v3")


def many(root: Path) -> None:
    """14 snapshots, each of which replaces one part of five, in so many packs that these are merged."""
    model = make(root / "digits")
    put(model, "initial", weights(*range(5)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repack, "MOST_MEDIUM", 8)
        patch.setattr(repack, "MERGED_MEDIUM", 4)
        take(model, "v0")
        for number in range(1, 15):
            replace(model, number * 3 % 5, 100 + number)
            take(model, f"v{number}")
    sizes = [pack.size // MIB for pack in Repository(model.repository.common).objects.own_packs]
    assert 4 in sizes and len(sizes) <= 10


def appended(root: Path) -> None:
    """20 snapshots, each of which adds a small file."""
    model = make(root / "digits")
    for number in range(20):
        put(model, "initial", {f"layer {number}": noise(300_000, number)})
        take(model, f"v{number}")


def states(root: Path) -> None:
    """States that were saved one after the other, with a snapshot of each third."""
    model = make(root / "digits")
    for number in range(9):
        put(model, "initial", weights(0, 1, 2, number, 100 + number // 2))
        save_state(model, "initial")
        if number % 3 == 0:
            take(model, f"v{number}")


def collected(root: Path) -> None:
    """Two snapshots of three went, and gc rewrote packs."""
    model = make(root / "digits")
    for number in range(3):
        put(model, "initial", weights(0, 1, 2, 3 + number, 10 + number))
        take(model, f"v{number}")
    remove.remove(remove.plan_removal([scenes.find(root, "v0")]))
    gc.collect_garbage(model.repository)
    put(model, "initial", weights(0, 1, 20, 21, 22))
    take(model, "v3")


BASES = [
    (fresh, "v1"), (saved, "v1"), (renamed, "v1"), (one_replaced, "v2"), (grown, "v2"), (many, "v7"),
    (appended, "v15"), (states, "v3"), (collected, "v2"),
]  # fmt: skip
OTHER_BASES = [
    (one_replaced, "v1"), (grown, "v1"), (grown, "v3"), (many, "v0"), (many, "v1"), (many, "v14"),
    (appended, "v19"), (states, "v0"), (states, "v6"), (collected, "v1"), (collected, "v3"),
]  # fmt: skip


@combinations.sample(2)
@pytest.mark.parametrize(("scene", "snapshot"), [*BASES, *combinations.more(OTHER_BASES)])
def test_any_base_is_shared(tmp_path: Path, scene: Scene, snapshot: str) -> None:
    scenes.copy(scene, tmp_path)
    derived = check_shared(tmp_path, snapshot)
    check_sound(tmp_path / "dogs", tmp_path / "digits")
    wanted = scenes.find(tmp_path, snapshot)
    objects_there = derived.model.repository.objects
    for file in wanted.list_state_files():
        for part in file.parts:
            assert part.oid in objects_there


def test_nothing_of_another_snapshot_comes_along(tmp_path: Path) -> None:
    scenes.copy(grown, tmp_path)
    derive(tmp_path, "v2")
    command = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", "--unordered")
    held = set(git(*command, cwd=tmp_path / "dogs").split())
    listed = ("rev-list", "--objects", "--no-object-names")
    assert held == set(git(*listed, "--all", cwd=tmp_path / "dogs").split())
    other = set(git(*listed, "v1", "v3", cwd=tmp_path / "digits").split())
    assert not held & (other - set(git(*listed, "v2", cwd=tmp_path / "digits").split()))


@combinations.rest
def test_several_models_of_several_snapshots(tmp_path: Path) -> None:
    """The first of another snapshot copies what the first model links: that file cannot be divided.

    Then there are packs of a part each, and all further models share them.
    """
    model = make(tmp_path / "digits")
    put(model, "initial", weights(*range(6)))
    for number in range(5):
        replace(model, number, 100 + number)
        take(model, f"v{number}")
    check_shared(tmp_path, "v0", "a")
    before = disk(tmp_path / "digits", tmp_path / "a")
    second = derive(tmp_path, "v1", "b")
    assert count_copied(tmp_path / "b") <= limit(scenes.find(tmp_path, "v1"))
    assert 4 * MIB < second.imported.copied < 6 * MIB
    assert disk(tmp_path / "digits", tmp_path / "a", tmp_path / "b") - before < 7 * MIB
    for snapshot, name in (("v2", "c"), ("v4", "d"), ("v1", "e"), ("v0", "f"), ("v3", "g")):
        check_shared(tmp_path, snapshot, name)
    check_sound(*(tmp_path / name for name in ("digits", *"abcdefg")))


def test_a_newer_base(tmp_path: Path) -> None:
    """`rebase` shares like `derive`: the model has all but a few parts already."""
    scenes.copy(many, tmp_path)
    dogs = derive(tmp_path, "v9").model
    base = scenes.find(tmp_path, "v12")
    rebased = rebase(Model.open(dogs.directory), base)
    assert rebased.imported.copied <= limit(base)
    assert rebased.imported.linked > 2 * MIB
    assert count_copied(dogs.directory) <= limit(base) + limit(scenes.find(tmp_path, "v9"))
    check_sound(tmp_path / "dogs", tmp_path / "digits")


@combinations.rest
def test_the_base_s_repository_works_on(tmp_path: Path) -> None:
    """It takes snapshots and collects; its packs stay few; and when it is gone, the model has all."""
    scenes.copy(many, tmp_path)
    derive(tmp_path, "v6")
    model = Model.open(tmp_path / "digits")
    remove.remove(remove.plan_removal([scenes.find(tmp_path, f"v{number}") for number in range(6)]))
    gc.collect_garbage(model.repository)
    replace(model, 0, 500)
    take(model, "next")
    check_sound(tmp_path / "dogs", tmp_path / "digits")
    assert count_copied(tmp_path / "dogs") <= limit(scenes.find(tmp_path, "v6"))
    check_shared(tmp_path, "v6", "cats")
    shutil.rmtree(tmp_path / "digits")
    check_sound(tmp_path / "dogs", tmp_path / "cats")


@combinations.rest
def test_derived_at_the_same_time(tmp_path: Path) -> None:
    """Of several processes, one divides the packs at a time; the others look again then."""
    scenes.copy(grown, tmp_path)
    names = ("a", "b", "c")
    started = [
        start("derive", "v2", name, f"../{name}", "--reference", cwd=tmp_path / "digits") for name in names
    ]
    assert [outcome(process).code for process in started] == [0, 0, 0]
    for name in names:
        assert count_copied(tmp_path / name) <= limit(scenes.find(tmp_path, "v2"))
    check_sound(*(tmp_path / name for name in ("digits", *names)))
