"""Configuration as text: what is written, git and libgit2 read alike."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.git import config
from tests.support.commands import git

VALUES = {
    "core.hooksPath": '/a b/"c"\\d;#\t',
    "receive.fsck.badFilemode": "error",
    "uploadpackfilter.blob:none.allow": "true",
    "gc.auto": "0",
    "x.Sub.Section.nAme": "a\nb",
}


def test_what_is_rendered_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(config.render(VALUES))
    assert config.read_file(path) == {config.fold_key(key): [value] for key, value in VALUES.items()}
    for key, value in VALUES.items():
        assert git("config", "--file", str(path), "-z", key, cwd=tmp_path) == f"{value}\0"


def test_what_is_appended_comes_after_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("[x]\n\ty = 1\n[z]\n\tother")
    config.append(path, [("x.y", "2"), ("x.y", os.fsdecode(b"\xff")), ("url.a b.insteadOf", "c")])
    listing = git("config", "--file", str(path), "--list", "-z", cwd=tmp_path)
    assert listing == "x.y\n1\0z.other\0x.y\n2\0x.y\n\udcff\0url.a b.insteadof\nc\0"


def test_a_file_that_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with pytest.raises(GitstoreError, match="cannot be read"):
        config.read_file(path)
    path.write_text("[core\n")
    with pytest.raises(GitstoreError, match="cannot be read"):
        config.read_file(path)
