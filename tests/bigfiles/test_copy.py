from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gitstore.bigfiles import copy as copying
from gitstore.bigfiles import scan
from gitstore.errors import FileChanged
from tests.support.content import MIB, noise
from tests.support.files import make, read


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make(tmp_path / "source", {b"large": noise(3 * MIB + 1), b"sub": {b"x": b""}})


@pytest.mark.parametrize("how", ["shared", "refused", "given up", "not there"])
def test_a_copy_is_the_same(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    share, calls = os.copy_file_range, 0

    def other(descriptor: int, target: int, count: int) -> int:
        nonlocal calls
        calls += 1
        if how == "refused":
            raise OSError(errno.EXDEV, "no")
        return share(descriptor, target, min(count, MIB)) if calls == 1 else 0

    if how == "not there":
        monkeypatch.delattr(os, "copy_file_range")
    elif how != "shared":
        monkeypatch.setattr(os, "copy_file_range", other)
    (tmp_path / "copy").mkdir()
    heard: list[int] = []
    copying.copy_files(scan.scan_directory(source), tmp_path / "copy", heard.append)
    assert read(tmp_path / "copy") == read(source)
    assert sum(heard) == 3 * MIB + 1


def test_a_file_that_changed_is_noticed(source: Path, tmp_path: Path) -> None:
    listing = scan.scan_directory(source)
    (source / "large").write_bytes(b"other")
    (tmp_path / "copy").mkdir()
    with pytest.raises(FileChanged) as caught:
        copying.copy_files(listing, tmp_path / "copy")
    assert caught.value.path == source / "large"


def test_files_that_change_once_they_are_copied(source: Path, tmp_path: Path) -> None:
    (source / "z").write_bytes(bytes(MIB))
    (tmp_path / "copy").mkdir()

    def progress(_: int) -> None:
        if (tmp_path / "copy" / "z").exists():
            (source / "large").write_bytes(b"other")

    with pytest.raises(FileChanged) as caught:
        copying.copy_files(scan.scan_directory(source), tmp_path / "copy", progress)
    assert caught.value.path == source / "large"


def test_a_file_that_is_gone_is_named(source: Path, tmp_path: Path) -> None:
    listing = scan.scan_directory(source)
    (source / "large").unlink()
    (tmp_path / "copy").mkdir()
    with pytest.raises(FileChanged) as caught:
        copying.copy_files(listing, tmp_path / "copy")
    assert caught.value.path == source / "large"
