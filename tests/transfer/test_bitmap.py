"""A bitmap is written where none is, and never names a pack that is being merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.disk import locks
from gitstore.transfer import bitmap
from tests.support import scenes
from tests.support.commands import fsck, git


def test_none_is_written_while_packs_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = scenes.snapshot(tmp_path, "v1", "v2").repository
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    index = repository.common / "objects" / "pack" / "multi-pack-index"
    with locks.upkeep(repository.private) as is_held:
        assert is_held
        bitmap.prepare(repository)
    assert not index.exists()
    bitmap.prepare(repository)
    assert index.exists()
    assert bitmap.is_prepared(repository)
    git("multi-pack-index", "verify", cwd=repository.directory)
    fsck(repository)


def test_loose_objects_are_in_it(tmp_path: Path) -> None:
    repository = scenes.snapshot(tmp_path).repository
    git("commit", "--quiet", "--allow-empty", "-m", "by hand", cwd=repository.directory)
    bitmap.prepare(repository)
    git("rev-list", "--test-bitmap", "HEAD", cwd=repository.directory)


@pytest.mark.parametrize(("count", "is_outdated"), [(50, False), (51, True)])
def test_many_packs_that_it_does_not_know(tmp_path: Path, count: int, is_outdated: bool) -> None:
    (tmp_path / "pack").mkdir()
    for number in range(count):
        (tmp_path / "pack" / f"pack-{number}.idx").touch()
    assert bitmap.is_outdated(tmp_path) == is_outdated
    (tmp_path / "pack" / "multi-pack-index").touch()
    assert not bitmap.is_outdated(tmp_path)
