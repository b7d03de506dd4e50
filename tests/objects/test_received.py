"""Packs that git fetched are ours: gc frees what is dead in them, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.models.snapshot import read_own_snapshots
from gitstore.objects import received
from gitstore.packs.format import GIT_MARK, KEEP_MARK
from gitstore.snapshots.remove import plan_removal, remove
from gitstore.storage.gc import collect_garbage
from gitstore.storage.usage import measure
from gitstore.transfer.provide import Weights
from tests.support.commands import Fsck, Run, git
from tests.support.models import again, change, noise, put, take, write
from tests.support.sharing import connect, fetch, make_bare, make_clone, send

WEIGHTS = 500_000


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return make_bare(tmp_path / "origin.git")


@pytest.fixture
def model(model: Model, bare: Path) -> Model:
    """A model with v1, v2 and v3 there, each with weights of its own, and code that git stores as deltas."""
    connected = connect(model, f"file://{bare}")
    for number in range(3):
        lines = [f"{line} {number if line == 500 else 0}" for line in range(1000)]
        write(connected, "code/table.txt", "\n".join(lines))
        change(connected, old="RATE = 2.0", new="RATE = 2.0 ")
        put(connected, "initial", {"own": noise(WEIGHTS, number)})
        take(connected, f"v{number + 1}")
    send(connected)
    return again(connected)


def disk(model: Model) -> int:
    return sum(path.stat().st_size for path in (model.repository.common / "objects" / "pack").iterdir())


def marks(model: Model) -> set[bytes]:
    packs = (model.repository.common / "objects" / "pack").glob("*.pack")
    keeps = [path.with_suffix(".keep") for path in packs]
    return {keep.read_bytes() if keep.exists() else b"" for keep in keeps}


def collect(model: Model, *names: str) -> int:
    """Remove snapshots and collect; return the bytes that the report promises, which the disk has less."""
    fresh = again(model)
    remove(plan_removal([one for one in read_own_snapshots(fresh) if one.name in names]))
    fresh = again(model)
    before = disk(fresh)
    freed = collect_garbage(fresh.repository).freed
    assert before - disk(fresh) == pytest.approx(freed, abs=5000)  # indexes that git writes
    return freed


def test_a_clone(model: Model, bare: Path, tmp_path: Path, fsck: Fsck) -> None:
    copy = make_clone(f"file://{bare}", tmp_path / "copy")
    assert GIT_MARK in marks(copy)
    assert b"" not in marks(copy)
    assert collect(copy, "v1", "v2") > 1.9 * WEIGHTS
    fsck(copy.repository)
    assert measure(again(copy).repository).dead == 0


def test_a_pull(model: Model, bare: Path, tmp_path: Path, fsck: Fsck) -> None:
    copy = make_clone(f"file://{bare}", tmp_path / "copy")
    put(model, "initial", {"own": noise(WEIGHTS, 9)})
    take(model, "v4")
    take(model, "v5")
    send(model)
    fetch(copy)
    assert b"" not in marks(copy)
    assert collect(copy, "v4") < 5000  # v5 needs the weights
    assert collect(copy, "v5") > 0.9 * WEIGHTS
    fsck(copy.repository)


def test_a_pack_without_deltas_is_like_one_of_ours(model: Model, tmp_path: Path) -> None:
    plain = make_bare(tmp_path / "plain.git")
    git("remote", "set-url", "origin", f"file://{plain}", cwd=model.directory)
    send(again(model))
    git("config", "pack.window", "0", cwd=plain)
    git("repack", "-adfq", cwd=plain)
    assert marks(make_clone(f"file://{plain}", tmp_path / "copy")) == {KEEP_MARK}


def test_weights_of_a_partial_clone(model: Model, bare: Path, tmp_path: Path, run: Run, fsck: Fsck) -> None:
    git("config", "uploadpack.allowFilter", "true", cwd=bare)
    copy = make_clone(f"file://{bare}", tmp_path / "copy")
    assert run("get", "v1", cwd=copy.directory).code == 0
    assert marks(copy) == {b"", KEEP_MARK}  # git must be able to repack those of the remote
    assert collect(copy, "v1") > 0.9 * WEIGHTS
    assert again(copy).repository.objects.is_partial
    assert measure(again(copy).repository).absent >= 2
    fsck(copy.repository)
    assert run("get", "v2", cwd=copy.directory).code == 0
    assert run("verify", "v2", cwd=copy.directory).code == 0


def test_git_s_own_gc_leaves_them(model: Model, bare: Path, tmp_path: Path, run: Run, fsck: Fsck) -> None:
    git("config", "uploadpack.allowFilter", "true", cwd=bare)
    copy = make_clone(f"file://{bare}", tmp_path / "copy")
    assert run("get", "--all", cwd=copy.directory).code == 0
    before = disk(copy)
    git("gc", "--quiet", cwd=copy.directory)
    git("gc", "--quiet", cwd=copy.directory)
    assert disk(copy) < 1.2 * before
    fsck(copy.repository)


def test_packs_go_to_the_disk_while_they_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most once in an interval, however often git reports; a pack that is gone meanwhile is no failure."""
    flushed, lines = list[Path](), list[str]()
    monkeypatch.setattr(
        received, "begin_flush", lambda number: flushed.append(Path(f"/dev/fd/{number}").resolve())
    )
    monkeypatch.setattr(received, "_INTERVAL", 60.0)
    report = received.flushing(tmp_path, lines.append)
    report("Receiving objects:   1%")
    (tmp_path / "pack").mkdir()
    arriving = tmp_path / "pack" / "tmp_pack_1"
    arriving.write_bytes(b"PACK")
    (tmp_path / "pack" / "tmp_pack_2").symlink_to("nowhere")
    report("Receiving objects:   2%")
    assert flushed == []
    monkeypatch.setattr(received, "_INTERVAL", 0.0)
    report("Receiving objects:   3%")
    assert flushed == [arriving]
    assert [line[-2:] for line in lines] == ["1%", "2%", "3%"]


def test_a_clone_and_a_pull_flush_what_they_receive(
    model: Model, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = list[str]()
    monkeypatch.setattr(received, "_INTERVAL", 0.0)
    monkeypatch.setattr(
        received, "begin_flush", lambda number: flushed.append(os.readlink(f"/dev/fd/{number}"))
    )
    copy = make_clone(f"file://{bare}", tmp_path / "copy", Weights.ALL)
    assert flushed
    flushed.clear()
    put(model, "initial", {"own": noise(WEIGHTS, 9)})
    take(model, "v4")
    send(model)
    fetch(copy)
    assert flushed
    assert all(path.startswith(str(copy.repository.common)) for path in flushed)
