"""Deriving in a store that is killed, or fails, at each of its steps: nothing half-made is visible or stays.

Only what has a name is a model. What a kill leaves goes with the next derivation of the name, or with gc.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gitstore.disk import construction
from gitstore.errors import GitstoreError
from gitstore.ledger.ledger import Ledger
from gitstore.outbox.listing import list_events
from gitstore.store.access import OPERATOR
from gitstore.store.audit import audit_store
from gitstore.store.check import check_store
from gitstore.store.create import create_model, init_store
from gitstore.store.derive import derive_model
from gitstore.store.gc import collect_store
from gitstore.store.listing import list_models
from gitstore.store.names import parse_model_name, parse_snapshot_name
from gitstore.store.remove import remove_model
from gitstore.store.store import Store
from tests.support import combinations, scenes
from tests.support.commands import fsck, git
from tests.support.stores import NOW, OWNERS, add_model, make_pushed, make_store

STEPS: dict[str, tuple[Any, str]] = {
    "before the reservation": (Ledger, "derive"),
    "with the reservation, before the directory is synced": (construction, "sync_tree"),
    "with the reservation, before the directory gets its name": (construction, "_rename"),
}
"""The function that is called next. Until then, the model is not there."""

NAMED: tuple[Any, str] = (Ledger, "settle")
"""What is called when the model is there."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with ada/digits and v1; the owner eve has nothing yet."""
    scenes.copy(_build, tmp_path)
    return Store.open(tmp_path / "store")


def _build(root: Path) -> None:
    make_pushed(make_store(root / "store"), root / "digits", "v1")


def derive(store: Store, *, now: int = NOW + 1) -> None:
    derive_model(
        store, parse_snapshot_name("ada/digits@v1"), parse_model_name("eve/fine"), user=OPERATOR,
        process=os.getpid(), now=now,
    )  # fmt: skip


def fail_at(step: tuple[Any, str], fail: Callable[[], NoReturn], patch: pytest.MonkeyPatch) -> None:
    """Let a function fail instead of doing anything."""
    patch.setattr(*step, lambda *_, **__: fail())


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


def kill_at(step: tuple[Any, str], store: Store) -> None:
    """Derive in another process, which is killed when it calls a function."""
    child = os.fork()
    if child == 0:
        try:
            fail_at(step, die, pytest.MonkeyPatch())
            derive(store)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def list_names(store: Store) -> list[str]:
    return [stored.model.full_name for stored in list_models(store, user=OPERATOR)]


def list_derived(store: Store) -> list[str]:
    """The models of which an event says that they appeared."""
    with store.ledger() as ledger:
        stored = [each.event for each in list_events(ledger.connection, most=100)]
    return [event.subject for event in stored if type(event).__name__ == "ModelDerived"]


def check_settled(store: Store, *models: str) -> None:
    """These models are there, sound and recorded, and nothing else is."""
    assert list_names(store) == list(models)
    assert sorted(path.name for path in store.root.glob("*/*.git")) == sorted(
        f"{name.partition('/')[2]}.git" for name in models
    )
    assert list(store.root.glob("*/.*")) == []
    assert check_store(store).problems == ()
    with store.ledger() as ledger:
        assert ledger.pending() == []
        assert ledger.models() == list(models)
        assert [balance.reserved for balance in ledger.balances()] == [0] * len(models)
    assert audit_store(store, now=NOW + 9).problems == []
    for name in models:
        fsck(store.path(parse_model_name(name)))


@combinations.sample(3)
@pytest.mark.parametrize("step", STEPS)
def test_killed_before_it_has_its_name(store: Store, step: str) -> None:
    """gc ends the reservation, and removes the hidden directory."""
    kill_at(STEPS[step], store)
    assert list_names(store) == ["ada/digits"]
    with pytest.raises(GitstoreError, match="there is no model eve/fine"):
        store.find_model("eve/fine")
    (hidden,) = (store.root / "eve").iterdir()
    assert hidden.name.startswith(".fine.git~new-")
    with store.ledger() as ledger:
        assert [pending.model for pending in ledger.pending()] == ["eve/fine"] * ("with" in step)
    collect_store(store, now=NOW + 2)
    check_settled(store, "ada/digits")
    assert list_derived(store) == []


@combinations.sample(3)
@pytest.mark.parametrize("step", STEPS)
def test_killed_and_said_again(store: Store, step: str) -> None:
    """The same command does it all, and does away with what the first one left."""
    kill_at(STEPS[step], store)
    derive(store, now=NOW + 2)
    check_settled(store, "ada/digits", "eve/fine")
    assert list_derived(store) == ["eve/fine"]


def test_killed_and_another_model_gets_the_name(store: Store) -> None:
    """The reservation was for a model that never came to be: it is neither this one's base nor its charge."""
    kill_at(STEPS["with the reservation, before the directory gets its name"], store)
    create_model(store, parse_model_name("eve/fine"), user=OPERATOR, now=NOW + 2)
    with store.ledger() as ledger:
        types = [type(each.event).__name__ for each in list_events(ledger.connection, most=100)]
    assert types.count("ModelCreated") == 2
    remove_model(store, parse_model_name("ada/digits"), user=OPERATOR, now=NOW + 3)
    collect_store(store, now=NOW + 4)
    check_settled(store, "eve/fine")
    assert list_derived(store) == []


def test_killed_when_it_has_its_name(store: Store) -> None:
    """The model is there. The next push, or gc, records it."""
    kill_at(NAMED, store)
    assert list_names(store) == ["ada/digits", "eve/fine"]
    collect_store(store, now=NOW + 2)
    check_settled(store, "ada/digits", "eve/fine")
    assert list_derived(store) == ["eve/fine"]


def test_killed_when_it_has_its_name_and_pushed_to(store: Store, tmp_path: Path) -> None:
    kill_at(NAMED, store)
    git("clone", "--quiet", str(store.root / "eve" / "fine.git"), str(tmp_path / "fine"), cwd=tmp_path)
    git("push", "--quiet", "origin", "HEAD:refs/heads/other", cwd=tmp_path / "fine")
    assert list_derived(store) == ["eve/fine"]
    check_settled(store, "ada/digits", "eve/fine")


@combinations.sample(3)
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_leaves_nothing(store: Store, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, for instance. This process lives on, and holds no reservation."""

    def fail() -> NoReturn:
        raise GitstoreError("no space left on device")

    with monkeypatch.context() as patch:
        fail_at(STEPS[step], fail, patch)
        with pytest.raises(GitstoreError, match="no space left"):
            derive(store)
    assert not (store.root / "eve").exists()
    check_settled(store, "ada/digits")
    derive(store, now=NOW + 2)
    check_settled(store, "ada/digits", "eve/fine")


def test_a_failure_when_it_has_its_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger cannot be written. The model is there, so its reservation stays until it is recorded."""

    def fail() -> NoReturn:
        raise GitstoreError("the ledger is locked")

    with monkeypatch.context() as patch:
        fail_at(NAMED, fail, patch)
        with pytest.raises(GitstoreError, match="the ledger is locked"):
            derive(store)
    assert list_names(store) == ["ada/digits", "eve/fine"]
    with store.ledger() as ledger:
        (pending,) = ledger.pending("eve/fine")
        assert set(ledger.refs("eve/fine")) == set()
        assert len(pending.refs) == len(git("for-each-ref", cwd=store.root / "eve/fine.git").splitlines())


def rename_after(act: Callable[[Path], object], patch: pytest.MonkeyPatch) -> None:
    """Do something when the next directory is about to get its name, with that name."""
    rename = construction._rename

    def act_and_rename(directory: Path, place: Path, *, durable: bool) -> None:
        patch.undo()
        act(place)
        rename(directory, place, durable=durable)

    patch.setattr(construction, "_rename", act_and_rename)


def test_another_repository_has_got_the_name(store: Store) -> None:
    """It stays as it is, and is recorded."""
    patch = pytest.MonkeyPatch()
    bare = store.root / "ada" / "digits.git"
    rename_after(
        lambda place: git("clone", "--quiet", "--bare", "--template=", str(bare), str(place), cwd=bare), patch
    )
    with pytest.raises(GitstoreError, match="cannot create"):
        derive(store)
    assert git("for-each-ref", cwd=store.root / "eve" / "fine.git") == git("for-each-ref", cwd=bare)
    init_store(store.root)
    check_settled(store, "ada/digits", "eve/fine")
    assert list_derived(store) == []


@pytest.mark.parametrize("make", [derive, lambda store: add_model(store, "eve/fine")])
def test_a_name_is_taken_while_a_model_is_derived(store: Store, make: Callable[[Store], object]) -> None:
    """Another command cannot have it."""
    failures = []

    def make_another(_: Path) -> None:
        with pytest.raises(GitstoreError, match="another command makes eve/fine at this moment") as failure:
            make(store)
        failures.append(failure)
        assert check_store(store).problems == ()

    rename_after(make_another, pytest.MonkeyPatch())
    derive(store)
    assert len(failures) == 1
    check_settled(store, "ada/digits", "eve/fine")
    assert list_derived(store) == ["eve/fine"]


def test_a_dead_reservation_takes_no_room(tmp_path: Path) -> None:
    """The quota has room for one of them. Without the release, no one could ever be derived."""
    scenes.copy(_build, tmp_path)
    store = Store.open(tmp_path / "store")
    store.config_path.write_text(OWNERS.replace("  eve:\n", "  eve:\n    quota: {hard: 1000}\n"))
    store = Store.open(store.root)
    for _ in range(3):
        kill_at(STEPS["with the reservation, before the directory gets its name"], store)
    derive(store)
    check_settled(store, "ada/digits", "eve/fine")
