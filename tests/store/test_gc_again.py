"""A collection of a store in which little has happened since the last one: nothing is overlooked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.disk.processes import identify
from gitstore.git.repository import Repository
from gitstore.ledger.values import Admission
from gitstore.models.model import Model
from gitstore.packs.oid import Oid
from gitstore.storage import clean_note, leftovers
from gitstore.store import gc
from gitstore.store.access import OPERATOR
from gitstore.store.gc import collect_store
from gitstore.store.names import parse_snapshot_name
from gitstore.store.quarantines import list_quarantines
from gitstore.store.remove import remove_snapshots
from gitstore.store.store import Store
from gitstore.transfer import bitmap
from tests.support import models, processes
from tests.support.commands import fsck, git
from tests.support.content import noise
from tests.support.stores import NOW, add_model, list_refs, make_pushed, make_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one model, where a collection has found nothing to do."""
    store = make_store(tmp_path / "store")
    make_pushed(store, tmp_path / "digits", "v1", "v2")
    collect(store)
    return store


def collect(store: Store, *, dry_run: bool = False) -> int:
    report = collect_store(Store(store.root), now=NOW, dry_run=dry_run)
    assert [model.skipped for model in report.models] == [None for _ in report.models]
    return report.freed


def find_packs(store: Store) -> Path:
    return store.find_model("ada/digits").directory / "objects" / "pack"


def test_a_collection_with_nothing_to_do_starts_no_git(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(store, "ada/empty")
    collect(store)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert collect(store) == 0
    assert collect(store, dry_run=True) == 0
    (store.find_model("ada/digits").directory / clean_note.NOTE).unlink()
    with pytest.raises((AssertionError, OSError)):  # else this test proves nothing
        collect(store)


def test_after_it_freed_something_it_looks_again_at_once(store: Store) -> None:
    remove_snapshots(store, [parse_snapshot_name("ada/digits@v2")], user=OPERATOR, now=NOW)
    assert collect(store) > 0
    assert clean_note.is_noted(store.find_model("ada/digits").directory)


def remove(store: Store) -> None:
    remove_snapshots(store, [parse_snapshot_name("ada/digits@v2")], user=OPERATOR, now=NOW)


def delete_with_git(store: Store) -> None:
    git("update-ref", "-d", "refs/tags/v2", cwd=store.find_model("ada/digits").directory)


def leave_pack(store: Store) -> None:
    """As a push that was killed after its pack came, and before its refs moved."""
    make_pushed(store, store.root.parent / "other", "w1", model="ada/other")
    other = store.find_model("ada/other").directory
    for path in (other / "objects" / "pack").glob("pack-*"):
        shutil.copy(path, find_packs(store))
    shutil.rmtree(other)


def leave_marked_pack(store: Store) -> None:
    leave_pack(store)
    for path in find_packs(store).glob("*.idx"):
        if not path.with_suffix(".keep").exists():
            path.with_suffix(".keep").write_text("receive-pack 1 on host\n")


def leave_quarantine(store: Store) -> None:
    quarantine = store.find_model("ada/digits").directory / "objects" / "tmp_objdir-incoming-x"
    quarantine.mkdir()
    (quarantine / "tmp_pack_x").write_bytes(b"x" * 100)


LEFT: dict[str, Callable[[Store], None]] = {
    "a snapshot was removed": remove,
    "an operator deleted a ref": delete_with_git,
    "a killed push left a pack": leave_pack,
    "a killed push left a pack and its mark": leave_marked_pack,
    "a killed push left a quarantine": leave_quarantine,
}


@pytest.mark.parametrize("leave", LEFT.values(), ids=LEFT.keys())
def test_what_was_left_since_is_freed(store: Store, leave: Callable[[Store], None]) -> None:
    directory = store.find_model("ada/digits").directory
    assert clean_note.is_noted(directory)
    leave(store)
    assert collect(store) > 0
    reachable = set(git("rev-list", "--objects", "--all", "--no-object-names", cwd=directory).split())
    listed = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=directory).split()
    assert set(listed) == reachable
    assert list_quarantines(directory) == []
    fsck(directory)


def test_loose_objects_of_an_operator_are_counted(store: Store) -> None:
    """A dry run reports them each time: a collection leaves them to git."""
    directory = store.find_model("ada/digits").directory
    git("hash-object", "-w", "--stdin", cwd=directory, stdin=b"never named")
    for _ in range(2):
        assert collect(store) == 0
        assert collect(store, dry_run=True) > 0


def test_a_new_snapshot_is_looked_at(store: Store, tmp_path: Path) -> None:
    directory = store.find_model("ada/digits").directory
    local = Model.open(tmp_path / "digits")
    models.put(local, "initial", {"weights": noise(1000, 7)})
    models.take(local, "v3")
    git("push", "--quiet", "origin", "v3", cwd=local.directory)
    collect(store)
    assert not (directory / "refs" / "tags" / "v3").exists()  # it is packed
    assert clean_note.is_noted(directory)


def test_a_bitmap_that_is_gone_is_written_again(store: Store) -> None:
    for path in find_packs(store).glob("multi-pack-index*"):
        path.unlink()
    collect(store)
    assert list(find_packs(store).glob("*.bitmap"))


def test_a_reservation_is_finished_though_no_file_changed(store: Store) -> None:
    directory = store.find_model("ada/digits").directory
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        dead = identify(process.pid)
        process.kill()
    tag = Oid.parse(list_refs(directory)["refs/tags/v1"])
    with store.ledger() as ledger:
        admission = Admission(ref="refs/tags/v9", new=tag)
        ledger.reserve("ada/digits", [admission], transaction="a", process=dead, now=NOW)
    assert clean_note.is_noted(directory)
    collect(store)
    with store.ledger() as ledger:
        assert ledger.pending() == []


def test_a_push_under_way_is_seen_though_no_file_changed(store: Store) -> None:
    with store.ledger() as ledger:
        ledger.reserve("ada/digits", [], transaction="t", process=identify(os.getpid()), now=NOW)
    (model,) = collect_store(store, now=NOW).models
    assert model.skipped == "somebody pushes to ada/digits"


def test_what_only_time_makes_garbage_is_freed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack without an index, which git may still be writing: it is a day old later."""
    path = find_packs(store) / f"pack-{'a' * 40}.pack"
    path.write_bytes(b"x" * 100)
    assert collect(store) == 0
    assert path.exists()
    monkeypatch.setattr(leftovers, "SAFE_AGE", -1)
    assert collect(store) == 100
    assert not path.exists()


def test_a_quarantine_whose_push_ends_is_freed(store: Store) -> None:
    directory = store.find_model("ada/digits").directory
    leave_quarantine(store)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=directory) as process:
        assert collect(store) == 0
        process.kill()
    assert collect(store) == 100


def test_a_change_while_it_looks_is_not_noted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push that began after the objects were listed."""
    remove(store)
    collect(store)
    (store.find_model("ada/digits").directory / clean_note.NOTE).unlink()
    prepare = bitmap.prepare

    def push(repository: Repository) -> None:
        prepare(repository)
        leave_pack(store)

    monkeypatch.setattr(bitmap, "prepare", push)
    collect_store(store, [store.find_model("ada/digits")], now=NOW)
    monkeypatch.undo()
    assert collect(store) > 0


@pytest.mark.parametrize(
    "step", ["collect_garbage", "bitmap.prepare", "clean_note.list_files", "clean_note.note"]
)
def test_a_killed_collection_leaves_no_wrong_note(
    store: Store, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(store)
    *owner, name = step.split(".")
    monkeypatch.setattr(getattr(gc, owner[0]) if owner else gc, name, processes.die)
    assert processes.run_forked(lambda: collect(store)) == -9
    monkeypatch.undo()
    directory = store.find_model("ada/digits").directory
    assert not clean_note.is_noted(directory)
    collect(store)
    reachable = set(git("rev-list", "--objects", "--all", "--no-object-names", cwd=directory).split())
    listed = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=directory).split()
    assert set(listed) == reachable
    assert collect(store) == 0
