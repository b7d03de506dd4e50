"""Garbage collection of a store, beside pushes and after crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gitstore.disk.processes import identify
from gitstore.ledger.values import Admission
from gitstore.packs.oid import Oid
from gitstore.store.access import OPERATOR
from gitstore.store.gc import CollectedModel, collect_store
from gitstore.store.names import parse_snapshot_name
from gitstore.store.quarantines import list_quarantines
from gitstore.store.remove import remove_snapshots
from gitstore.store.store import Store
from gitstore.store.verify import verify_store
from tests.support import models
from tests.support.commands import fsck, git
from tests.support.stores import NOW, list_refs, make_pushed, make_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def list_objects(repository: Path) -> set[str]:
    return set(git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=repository).split())


def test_what_was_removed_is_freed_to_the_object(store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1", "v2")
    directory = store.find_model("ada/digits").directory
    remove_snapshots(store, [parse_snapshot_name("ada/digits@v1")], user=OPERATOR, now=NOW)
    planned = collect_store(store, now=NOW, dry_run=True)
    collected = collect_store(store, now=NOW)
    assert collected.freed > 0
    assert planned.models[0].skipped is None
    reachable = set(git("rev-list", "--objects", "--all", "--no-object-names", cwd=directory).split())
    assert list_objects(directory) == reachable
    fsck(directory)
    assert collect_store(store, now=NOW).freed == 0


def test_a_pack_with_deltas_is_rewritten(store: Store, tmp_path: Path) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1")
    text = "".join(f"line {number}\n" for number in range(500))
    for name in ("v2", "v3"):
        text += name
        (local.directory / "code" / "notes.txt").write_text(text)
        models.take(models.again(local), name)
    git("push", "--quiet", "origin", "v2", "v3", cwd=local.directory)
    directory = store.find_model("ada/digits").directory
    index = next(iter((directory / "objects" / "pack").glob("*.idx")))
    assert any(
        "chain length" in git("verify-pack", "-v", str(path), cwd=directory)
        for path in index.parent.glob("*.idx")
    )
    remove_snapshots(store, [parse_snapshot_name("ada/digits@v2")], user=OPERATOR, now=NOW)
    collect_store(store, now=NOW)
    reachable = set(git("rev-list", "--objects", "--all", "--no-object-names", cwd=directory).split())
    assert list_objects(directory) == reachable
    fsck(directory)


def test_a_model_to_which_somebody_pushes_is_skipped(store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1")
    make_pushed(store, tmp_path / "other", "v1", model="ada/other")
    with store.ledger() as ledger:
        ledger.reserve("ada/digits", [], transaction="t", process=identify(os.getpid()), now=NOW)
    first, second = collect_store(store, now=NOW).models
    assert (first.model, first.skipped) == ("ada/digits", "somebody pushes to ada/digits")
    assert (second.model, second.skipped) == ("ada/other", None)


def test_what_a_killed_push_left_is_finished(store: Store, tmp_path: Path) -> None:
    """One reservation whose ref moved, one whose ref did not, a lock of a ref, and a quarantine."""
    make_pushed(store, tmp_path / "digits", "v1")
    directory = store.find_model("ada/digits").directory
    tag = Oid.parse(list_refs(directory)["refs/tags/v1"])
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        dead = identify(process.pid)
        process.kill()
    git("update-ref", "refs/states/s", "refs/tags/v1^{commit}", cwd=directory)
    commit = Oid.parse(list_refs(directory)["refs/states/s"])
    with store.ledger() as ledger:
        for transaction, ref, new in (("a", "refs/states/s", commit), ("b", "refs/tags/v2", tag)):
            ledger.reserve(
                "ada/digits", [Admission(ref=ref, new=new)], transaction=transaction, process=dead, now=NOW
            )
    (directory / "refs" / "tags" / "v2.lock").touch()
    quarantine = directory / "objects" / "tmp_objdir-incoming-abc"
    quarantine.mkdir()
    (quarantine / "tmp_pack_x").write_bytes(b"x" * 100)
    collect_store(store, now=NOW)
    with store.ledger() as ledger:
        assert ledger.pending() == []
        assert set(ledger.refs("ada/digits")) == {"refs/heads/main", "refs/states/s", "refs/tags/v1"}
    assert list_quarantines(directory) == []
    assert not (directory / "refs" / "tags" / "v2.lock").exists()


def test_the_quarantine_of_a_living_push_stays(store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1")
    directory = store.find_model("ada/digits").directory
    (directory / "objects" / "tmp_objdir-incoming-abc").mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=directory) as process:
        collect_store(store, now=NOW)
        assert len(list_quarantines(directory)) == 1
        process.send_signal(signal.SIGKILL)


def test_models_are_compared_with_the_ledger(store: Store, tmp_path: Path) -> None:
    """A model whose creation, and one whose removal was killed half-way."""
    make_pushed(store, tmp_path / "digits", "v1")
    make_pushed(store, tmp_path / "gone", "v1", model="ada/gone")
    store.find_model("ada/gone").directory.rename(store.root / "ada" / ".gone.git~new-x")
    git("clone", "--quiet", "--bare", "ada/digits.git", "ada/new.git", cwd=store.root)
    collect_store(store, now=NOW)
    with store.ledger() as ledger:
        assert ledger.models() == ["ada/digits", "ada/new"]
    assert sorted(path.name for path in (store.root / "ada").iterdir()) == ["digits.git", "new.git"]


def test_pushes_while_gc_runs(store: Store, tmp_path: Path) -> None:
    """Each push removes the branch of the one before, so there is always something to collect."""
    local = make_pushed(store, tmp_path / "digits", "v1")
    directory = store.find_model("ada/digits").directory
    is_over, failures = threading.Event(), list[CollectedModel]()

    def collect() -> None:
        while not is_over.is_set():
            report = collect_store(store, now=NOW)
            failures.extend(model for model in report.models if model.failed)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        for number in range(4):
            (local.directory / "code" / "n.txt").write_text(str(number))
            git("commit", "--quiet", "-am", str(number), "--allow-empty", cwd=local.directory)
            refs = [f"main:refs/heads/b{number}"] + ([f":refs/heads/b{number - 1}"] if number else [])
            git("push", "--quiet", "--atomic", "origin", *refs, cwd=local.directory)
    finally:
        is_over.set()
        collector.join()
    assert failures == []
    fsck(directory)
    with store.ledger() as ledger:
        assert {ref: str(oid) for ref, oid in ledger.refs("ada/digits").items()} == list_refs(directory)


def test_models_are_closed_one_after_the_other(tmp_path: Path) -> None:
    """A process has few descriptors, and a store has thousands of models."""
    store = make_store(tmp_path / "store")
    for name in ("ada/one", "ada/two"):
        make_pushed(store, tmp_path / name.replace("/", "-"), "v1", model=name)
    listed = store.models()
    collect_store(store, listed, now=NOW)
    verify_store(store, listed)
    assert [model.__dict__.keys() & {"repository"} for model in listed] == [set(), set()]
