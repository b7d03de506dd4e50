"""Bytes of trees, each object looked at once."""

from __future__ import annotations

import pytest

from gitstore.bigfiles.stored import DEEPEST
from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.snapshots import export
from gitstore.storage.sizes import Sizes
from tests.support.failing import refuses
from tests.support.models import noise, put, take


def test_it_is_what_an_export_takes(model: Model) -> None:
    put(model, "initial", {"weights": noise(5_000_000), "größe/b": b"abc", "again": b"abc"})
    (model.directory / "code" / "link").symlink_to("model.py")
    first = take(model, "v1")
    put(model, "initial", {"weights": noise(10), "größe/b": b"abcd"})
    second = take(model, "v2")
    sizes = Sizes(model.repository.objects)
    model.repository.objects.refresh()
    assert sizes.measure_snapshot(first) == export.measure_files(first) == sizes.measure_snapshot(first)
    assert sizes.measure_snapshot(second) == export.measure_files(second)
    assert sizes.measure_tree(first.state_tree) == state.measure_tree(model, first.state_tree) == 5_000_006


def test_what_is_shared_is_read_once(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [take(model, f"v{number}") for number in range(3)]
    model.repository.objects.refresh()
    looks: list[Oid] = []
    size, read = ObjectDatabase.size, ObjectDatabase.read

    def sized(self: ObjectDatabase, oid: Oid) -> int:
        looks.append(oid)
        return size(self, oid)

    def reading(self: ObjectDatabase, oid: Oid, *, at_most: int = limits.PART) -> tuple[Kind, bytes]:
        looks.append(oid)
        return read(self, oid, at_most=at_most)

    monkeypatch.setattr(ObjectDatabase, "size", sized)
    monkeypatch.setattr(ObjectDatabase, "read", reading)
    sizes = Sizes(model.repository.objects)
    assert len({sizes.measure_snapshot(each) for each in taken}) == 1
    assert len(looks) == len(set(looks))


def test_a_tree_that_nobody_made_by_mistake(repository: Repository) -> None:
    with repository.writer() as writer:
        oid = writer.add(Kind.TREE, tree.encode([]))
        for _ in range(DEEPEST + 1):
            oid = writer.add(Kind.TREE, tree.encode([TreeEntry(Mode.TREE, b"a", oid)]))
        writer.finish()
    with refuses(DEEPEST, kind=Corrupt):
        Sizes(repository.objects).measure_tree(oid)


def test_many_paths_to_few_objects(repository: Repository) -> None:
    """Ten to the power of twelve files, of one byte each, in a moment."""
    with repository.writer() as writer:
        mode, oid = Mode.FILE, writer.add(Kind.BLOB, b"x")
        for _ in range(12):
            entries = [TreeEntry(mode, b"%d" % number, oid) for number in range(10)]
            mode, oid = Mode.TREE, writer.add(Kind.TREE, tree.encode(entries))
        writer.finish()
    assert Sizes(repository.objects).measure_tree(oid) == 10**12
