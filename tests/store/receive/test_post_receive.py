"""What pushes leave is tidied when there is much of it, and nothing is lost by that."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.store.receive.post_receive import tidy
from gitstore.store.store import StoreModel
from tests.support import models, stores
from tests.support.commands import fsck, git
from tests.support.crafting import Craft

MANY = 51
"""So many new packs are too many."""


@pytest.fixture
def model(tmp_path: Path) -> StoreModel:
    """ada/digits with v1, of which tmp_path/digits is the working copy."""
    store = stores.make_store(tmp_path / "store")
    stores.make_pushed(store, tmp_path / "digits", "v1")
    return store.find_model("ada/digits")


def add_packs(model: StoreModel, *, up_to: int) -> None:
    """Add packs of a blob each, as pushes leave them, until there are so many."""
    for number in range(up_to - len(list_packs(model))):
        craft = Craft()
        craft.blob(b"%d" % number)
        git("index-pack", "--stdin", cwd=model.directory, stdin=craft.pack())


def list_packs(model: StoreModel) -> list[str]:
    return sorted(path.name for path in (model.directory / "objects" / "pack").glob("*.pack"))


def list_objects(model: StoreModel) -> list[str]:
    return git("cat-file", "--batch-all-objects", "--batch-check", cwd=model.directory).splitlines()


def test_a_push_merges_many_packs(model: StoreModel, tmp_path: Path) -> None:
    add_packs(model, up_to=MANY - 1)
    before = list_objects(model)
    local = Model.open(tmp_path / "digits")
    models.take(local, "v2")
    git("push", "--quiet", "origin", "v2", cwd=local.directory)
    assert len(list_packs(model)) == 1
    assert set(before) < set(list_objects(model))
    assert set(stores.list_refs(model.directory)) == {"refs/heads/main", "refs/tags/v1", "refs/tags/v2"}
    assert git("multi-pack-index", "verify", cwd=model.directory) == ""
    assert not [path for path in (model.directory / "refs").rglob("*") if path.is_file()]
    fsck(model.directory)


def test_a_few_stay(model: StoreModel) -> None:
    add_packs(model, up_to=MANY - 1)
    before = list_packs(model)
    tidy(model)
    assert list_packs(model) == before


def test_beside_a_collection_nothing_happens(model: StoreModel) -> None:
    add_packs(model, up_to=MANY)
    before = list_packs(model)
    with model.alone().repository.collecting():
        tidy(model)
    assert list_packs(model) == before
    tidy(model.alone())
    assert len(list_packs(model)) == 1
