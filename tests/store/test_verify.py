"""Verifying a store: each model is checked, whatever is wrong with another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.store.gc import collect_store
from gitstore.store.store import Store
from gitstore.store.verify import VerifiedModel, verify_store
from tests.support.commands import git
from tests.support.stores import NOW, add_model, make_pushed, make_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with two models that have objects, and one that has none."""
    store = make_store(tmp_path / "store")
    make_pushed(store, tmp_path / "digits", "v1", "v2")
    make_pushed(store, tmp_path / "other", "v1", model="ada/other")
    add_model(store, "eve/empty")
    return store


def measure(store: Store) -> int:
    return sum(path.stat().st_size for path in store.root.glob("*/*/objects/pack/*.pack"))


def test_a_sound_store(store: Store) -> None:
    assert verify_store(store) == [
        VerifiedModel("ada/digits", 2, ()), VerifiedModel("ada/other", 1, ()),
        VerifiedModel("eve/empty", 0, ()),
    ]  # fmt: skip
    assert verify_store(store, [store.find_model("ada/other")]) == [VerifiedModel("ada/other", 1, ())]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda bare: [path.unlink() for path in bare.glob("objects/pack/*.pack")], "is missing"),
        (lambda bare: (bare / "config").write_text("["), "config"),
        (lambda bare: (bare / "HEAD").unlink(), "Repository not found"),
    ],
)
def test_one_that_is_broken_hides_no_other(store: Store, spoil: object, problem: str) -> None:
    assert callable(spoil)
    spoil(store.root / "ada" / "digits.git")
    broken, sound, _ = verify_store(Store.open(store.root))
    assert problem in "\n".join(broken.problems)
    assert (sound.snapshots, sound.problems) == (1, ())


@pytest.mark.parametrize("is_broken", [False, True])
def test_progress_is_in_bytes_of_packs(store: Store, is_broken: bool) -> None:
    if is_broken:
        (store.root / "ada" / "digits.git" / "config").write_text("[")
    total, totals, steps = measure(store), list[int](), list[int]()
    verify_store(store, expect=totals.append, progress=steps.append)
    assert (totals, sum(steps)) == ([total], total)
    assert is_broken or len(steps) > 3  # also within a model


def test_progress_of_gc(store: Store) -> None:
    """Every model counts: one that is collected, one that somebody pushes to, and one that has nothing."""
    git("update-ref", "-d", "refs/tags/v2", cwd=store.root / "ada" / "digits.git")
    for is_dry in (True, False):
        total, totals, steps = measure(store), list[int](), list[int]()
        with store.find_model("ada/other").repository.writing():
            report = collect_store(
                store, dry_run=is_dry, now=NOW, expect=totals.append, progress=steps.append
            )
        assert (totals, sum(steps)) == ([total], total)
        assert [model.skipped is None for model in report.models] == [True, False, True]
    assert measure(store) < total
