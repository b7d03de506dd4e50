from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.diff.status import read_status
from gitstore.disk.permissions import make_directory, share
from gitstore.models.model import Model
from gitstore.snapshots import take as capture
from tests.support import models
from tests.support.commands import git


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_shared_repository_stays_so(tmp_path: Path) -> None:
    """What one person, or root, writes there, another of the group can write over."""
    here = tmp_path / "digits"
    here.mkdir()
    git("init", "--quiet", "--shared=group", cwd=here)
    model = models.make(here)
    first = capture.take(model, "v1").snapshot
    worktree.derive(first, "pup", tmp_path / "pup")
    read_status(Model.open(here))
    for folder, _, names in os.walk(here / ".git"):
        assert Path(folder).stat().st_mode & 0o2070 == 0o2070, folder
        for path in (Path(folder, name) for name in names):
            mode = path.stat().st_mode
            assert mode & 0o040, path
            assert mode & 0o020 or not mode & 0o200 or git_s_own(path), f"{mode:o} {path}"


def git_s_own(path: Path) -> bool:
    """Files that git itself leaves to their owner: in worktrees/, it replaces them."""
    return path.name in {"description", "exclude", "COMMIT_EDITMSG"} or bool(
        {"hooks", "worktrees"} & {*path.parts}
    )


@pytest.mark.usefixtures("umask")
def test_what_is_beside_says_who(tmp_path: Path) -> None:
    make_directory(tmp_path / "private" / "inner")
    assert (tmp_path / "private" / "inner").stat().st_mode & 0o7777 == 0o755
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o2770)
    make_directory(tmp_path / "shared" / "a" / "b")
    assert (tmp_path / "shared" / "a" / "b").stat().st_mode & 0o7777 == 0o2775
    for mode, wanted in ((0o644, 0o664), (0o600, 0o660), (0o400, 0o440)):
        path = tmp_path / "shared" / f"{mode:o}"
        path.touch()
        path.chmod(mode)
        share(path)
        assert path.stat().st_mode & 0o777 == wanted
