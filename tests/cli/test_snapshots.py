"""What the commands that take and read snapshots do; golden/ has what they print."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run, gitstore, parsed
from tests.support.models import put, take


@pytest.fixture
def here(model: Model) -> Path:
    return model.directory


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    scenes.snapshot(tmp_path)
    return tmp_path / "digits"


def test_init_with_an_example_that_is_not_there(run: Run, tmp_path: Path) -> None:
    assert run("init", "m", "--example", "cats", cwd=tmp_path).code == 2
    assert list(tmp_path.iterdir()) == []


class TestSnapshot:
    def test_taken(self, run: Run, here: Path, fsck: Fsck) -> None:
        assert run("snapshot", "v1", "-m", "First", cwd=here).code == 0
        fsck(here)

    def test_json_has_the_ids_and_the_size_of_the_pack(self, run: Run, here: Path, git: Git) -> None:
        report = parsed(run("snapshot", "v1", "--json", cwd=here))
        assert [report["tag"], report["commit"]] == git("rev-parse", "v1", "v1^{commit}", cwd=here).split()
        (pack,) = (here / ".git" / "objects" / "pack").glob("*.pack")
        assert report["added_bytes"] == pack.stat().st_size

    def test_progress_on_stderr_if_asked_for(self, run: Run, here: Path) -> None:
        outcome = run("snapshot", "v1", "--progress", cwd=here)
        assert (outcome.code, outcome.stdout) == (0, "")
        assert "v1" in outcome.stderr.splitlines()[-1]


class TestList:
    def test_json_has_the_tags(self, run: Run, v1: Path, git: Git) -> None:
        (entry,) = parsed(run("list", "--json", cwd=v1))
        assert entry["tag"] == git("rev-parse", "v1", cwd=v1).strip()

    def test_what_cannot_be_read_hides_no_other(self, run: Run, v1: Path, git: Git) -> None:
        git("tag", "--annotate", "-m", "x\n\nGitstore-Format: 9", "future", cwd=v1)
        outcome = run("list", "--json", cwd=v1)
        assert (outcome.code, [entry["name"] for entry in json.loads(outcome.stdout)]) == (12, ["v1"])
        assert run("usage", cwd=v1).code == 0


class TestShow:
    def test_json_has_the_ids(self, run: Run, v1: Path, git: Git) -> None:
        report = parsed(run("show", "v1", "--json", cwd=v1))
        assert [report["tag"], report["commit"]] == git("rev-parse", "v1", "v1^{commit}", cwd=v1).split()

    def test_names_that_are_not_text(self, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        put(model, "initial", {os.fsdecode(b"\xff\x1b[2J"): b"x"})
        take(model, "v1")
        monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
        outcome = gitstore("show", "v1", cwd=model.directory)
        assert (outcome.code, outcome.stderr) == (0, "")
        assert r"'state/\udcff\x1b[2J'    1 B      1" in outcome.stdout.splitlines()
        files = parsed(gitstore("show", "v1", "--json", cwd=model.directory))["files"]
        assert "state/\udcff\x1b[2J" in [file["path"] for file in files]


class TestExport:
    def test_to_a_directory(self, run: Run, v1: Path, tmp_path: Path) -> None:
        target = tmp_path / "my export – größer"
        assert run("export", "v1", str(target), cwd=v1).code == 0
        assert (target / "state" / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"

    def test_to_the_directory_one_stands_in(self, run: Run, v1: Path, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        assert run("export", f"{v1}@v1", ".", cwd=tmp_path / "out").code == 0
        assert sorted(os.listdir(".")) == ["code", "settings.yaml", "state"]
