"""Repositories that may only be read, or are somebody else's: nothing is written, and no command fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pygit2
import pytest

from gitstore.models.model import Model
from tests.support.commands import Git, Run
from tests.support.models import put, take
from tests.support.processes import GITSTORE
from tests.support.users import has_power

NOBODY = 65534

COMMANDS = [
    ("status",),
    ("diff", "v1"),
    ("show", "v1"),
    ("list",),
    ("state", "list"),
    ("verify", "--all"),
    ("usage",),
    ("evaluate", "v1", "-p", "values=[1]"),
    ("evaluate", "-p", "values=[1]"),
]


@pytest.fixture
def here(model: Model) -> Path:
    take(model, "v1")
    put(model, "initial", {"more": b"unsaved"})
    with (model.directory / "code" / "model.py").open("a") as file:
        file.write("# edited\n")
    return model.directory


def listing(directory: Path) -> dict[str, tuple[int, int]]:
    """Every file and directory, with its owner and the time of its last change."""
    found = {str(path): path.lstat() for path in (directory, *directory.rglob("*"))}
    return {path: (status.st_uid, status.st_ctime_ns) for path, status in found.items()}


@pytest.mark.skipif(not has_power(), reason="only root can give files away")
def test_somebody_elses(here: Path, run: Run, git: Git, tmp_path: Path) -> None:
    """Root may write there, and would lock the owner out of what it makes."""
    git("config", "--global", "safe.directory", "*", cwd=here)
    for path in (here, *here.rglob("*")):
        os.lchown(path, NOBODY, NOBODY)
    before = listing(here)
    for command in (*COMMANDS, ("export", "v1", str(tmp_path / "out"))):
        outcome = run(*command, cwd=here)
        assert outcome.code == 0, (command, outcome)
        assert listing(here) == before, command
    outcome = run("evaluate", f"{here}@v1", "-p", "values=[1]", cwd=tmp_path)
    assert outcome.code == 0
    assert listing(here) == before


@pytest.mark.skipif(not has_power(), reason="only root can give files away")
def test_somebody_elses_that_a_file_of_another_name_trusts(
    here: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libgit2 does not read the file that GIT_CONFIG_GLOBAL names."""
    for path in (here, *here.rglob("*")):
        os.lchown(path, NOBODY, NOBODY)
    outcome = run("list", cwd=here)
    assert outcome.code == 1 and "safe.directory" in outcome.stderr
    (tmp_path / "trusting").write_text(f"[safe]\n\tdirectory = {here}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "trusting"))
    assert run("list", cwd=here).code == 0
    assert pygit2.settings.owner_validation


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_without_the_permission_to_write(here: Path) -> None:
    as_others = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all"]
    for path in (*here.rglob("*"), here):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        for command in (("status",), ("diff", "v1"), ("evaluate", "v1", "-p", "values=[1]")):
            prefix = as_others if os.geteuid() == 0 else []
            done = subprocess.run([*prefix, GITSTORE, *command], cwd=here, capture_output=True, text=True)
            assert done.returncode == 0, (command, done.stderr)
    finally:
        for path in (here, *here.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
