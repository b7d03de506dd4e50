"""Files of code that git would take into memory as a whole: large ones that attributes make it convert."""

from __future__ import annotations

import pytest

from gitstore.derive import rebase, standalone, worktree
from gitstore.models.model import Model
from gitstore.packs import limits
from gitstore.snapshots import restore
from tests.support import scenes
from tests.support.failing import refuses
from tests.support.models import picture, take, write

SIZE = 5000


@pytest.fixture
def large(model: Model) -> Model:
    """A model with a large file of code that git would convert, and a snapshot `v0` from before."""
    take(model, "v0")
    write(model, "code/words.txt", "x" * SIZE)
    write(model, "code/.gitattributes", "words.txt text=auto\n")
    return model


def lower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONVERTED", SIZE - 1)


def test_no_snapshot_is_taken(large: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    lower(monkeypatch)
    with refuses("code/words.txt", "text=auto", "4.9 KiB", hint="'words.txt -text' in .gitattributes"):
        take(large, "v1")
    write(large, "code/.gitattributes", "words.txt -text\n")
    take(large, "v1")


def test_up_to_the_limit(large: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONVERTED", SIZE)
    worktree.derive(take(large, "v1"), "dogs", large.directory.with_name("dogs"))


@pytest.mark.parametrize("is_reference", [False, True])
def test_nothing_is_derived(large: Model, monkeypatch: pytest.MonkeyPatch, is_reference: bool) -> None:
    v1 = take(large, "v1")
    lower(monkeypatch)
    before = picture(large.directory.parent)
    form = standalone.derive if is_reference else worktree.derive
    with refuses("words.txt", "text=auto"):
        form(v1, "dogs", large.directory.with_name("dogs"))
    assert picture(large.directory.parent) == before


def test_no_base_of_that_kind(large: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    dogs = large.directory.with_name("dogs")
    worktree.derive(scenes.find(large.directory.parent, "v0"), "dogs", dogs)
    v1 = take(large, "v1")
    lower(monkeypatch)
    before = picture(dogs)
    with refuses("words.txt", "text=auto"):
        rebase.rebase(Model.open(dogs), v1)
    assert picture(dogs) == before


def test_not_restored(large: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    v1 = take(large, "v1")
    (large.directory / "code/words.txt").unlink()
    lower(monkeypatch)
    before = picture(large.directory)
    with refuses("words.txt", "text=auto"):
        restore.restore(large, v1, force=True)
    assert picture(large.directory) == before
