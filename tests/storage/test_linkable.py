"""Packs of the source are divided only where that is possible, and nothing depends on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitstore.disk import locks
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.storage import linkable, share_packs
from gitstore.storage.share_packs import ImportedBytes
from tests.support import scenes
from tests.support.commands import fsck
from tests.support.content import MIB, noise
from tests.support.models import make, put, take
from tests.support.packs import pack_names


@pytest.fixture
def base(tmp_path: Path) -> Snapshot:
    """v2, which needs all of v1's pack but one file of four and the old commit."""
    scenes.copy(_base, tmp_path)
    return scenes.find(tmp_path, "v2")


@pytest.fixture
def new(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "new")


def _base(root: Path) -> None:
    model = make(root / "digits")
    put(model, "initial", {f"{number}": noise(MIB, number) for number in range(4)})
    take(model, "v1")
    put(Model.open(root / "digits"), "initial", {"0": noise(MIB, 10)})
    take(model, "v2")


def names(base: Snapshot) -> list[str]:
    return pack_names(base.repository.common / "objects")


def bring(new: Repository, base: Snapshot) -> ImportedBytes:
    closure = share_packs.list_closure(new, base.repository, base.tag_oid)
    imported = share_packs.import_objects(new, base.repository, closure)
    assert all(oid in new.objects for oid in closure)
    fsck(base.repository)
    return imported


def check_copied(new: Repository, base: Snapshot) -> None:
    before = names(base)
    assert bring(new, base).copied > 3 * MIB
    assert names(base) == before


def test_it_is_possible(base: Snapshot, new: Repository) -> None:
    before = names(base)
    imported = bring(new, base)
    assert imported.linked > 4 * MIB
    assert imported.copied < 2000  # loose objects of stock git
    assert names(base) != before
    assert [name for name in [*names(base), *pack_names(new.common / "objects")] if "tmp" in name] == []


def test_another_process_merges_for_long(
    base: Snapshot, new: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with locks.upkeep(base.repository.private) as is_held:
        assert is_held
        check_copied(new, base)


def test_another_process_divides_meanwhile(
    base: Snapshot, new: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The packs that were chosen are gone when the lock is free."""
    take_lock = locks.upkeep

    def upkeep(private: Path, *, wait: bool = False) -> object:
        monkeypatch.setattr(locks, "upkeep", take_lock)
        bring(Repository.create(tmp_path / "other"), scenes.find(tmp_path, "v2"))
        return take_lock(private, wait=wait)

    monkeypatch.setattr(locks, "upkeep", upkeep)
    assert bring(new, base).linked > 4 * MIB


def test_a_repository_of_somebody_else(
    base: Snapshot, new: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitstore.git.repository.is_ours", lambda _: False)
    check_copied(new, base)


def test_damage_in_what_is_not_needed(base: Snapshot, new: Repository) -> None:
    """The base is sound, so it can be derived from; `verify` reports the damage where it is."""
    old = scenes.find(base.repository.directory.parent, "v1")
    blob = next(file for file in old.list_state_files() if str(file.path) == "0").entry
    packed = base.repository.objects.find(blob)
    assert packed is not None
    start, _ = packed.pack.span(packed.position)
    packed.pack.path.chmod(0o644)
    with packed.pack.path.open("r+b") as file:
        file.seek(start + 5000)
        file.write(b"damage")
    before = names(base)
    closure = share_packs.list_closure(new, base.repository, base.tag_oid)
    assert share_packs.import_objects(new, base.repository, closure).copied > 3 * MIB
    assert names(base) == before
    fsck(new)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_we_may_not_write_to(base: Snapshot, new: Repository) -> None:
    directory = base.repository.common / "objects" / "pack"
    directory.chmod(0o555)
    try:
        check_copied(new, base)
    finally:
        directory.chmod(0o755)


def test_a_disk_that_is_nearly_full(base: Snapshot, new: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(base.repository.common)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=8 * MIB))
    check_copied(new, base)


def test_a_linked_pack_of_which_less_than_half_is_needed(
    base: Snapshot, new: Repository, tmp_path: Path
) -> None:
    """Dividing it would cost all of it, because the other repository keeps the file."""
    model = Model.open(base.repository.directory)
    put(model, "initial", {"1": noise(MIB, 11), "2": noise(MIB, 12)})
    v3 = take(model, "v3")
    bring(Repository.create(tmp_path / "other"), scenes.find(tmp_path, "v1"))
    (large,) = [pack for pack in v3.repository.objects.own_packs if pack.size > 4 * MIB]
    imported = bring(new, v3)
    assert MIB < imported.copied < 2 * MIB
    assert imported.linked > 3 * MIB
    assert (large.path.exists(), large.is_linked) == (True, True)


def test_little_is_copied(base: Snapshot, new: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linkable, "COPIED", 4 * MIB)
    check_copied(new, base)
