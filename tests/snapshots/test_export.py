from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.objects.database import BrokenObject
from gitstore.snapshots import export
from tests.support import scenes
from tests.support.commands import Git
from tests.support.failing import refuses
from tests.support.models import noise, picture, put, take, trailers


def test_it_is_what_the_snapshot_was_taken_of(model: Model, tmp_path: Path) -> None:
    put(model, "initial", {"large": noise(9_000_000), "sub/empty": b"", "größe 1": b"x"})
    (model.directory / "packages.lock").write_text("locked\n")
    (model.directory / "code" / "run.sh").write_text("#!/bin/sh\n")
    (model.directory / "code" / "run.sh").chmod(0o755)
    (model.directory / "code" / "link").symlink_to("run.sh")
    found = take(model, "v1")
    size = export.export(found, tmp_path / "new" / "out")
    here, out = picture(model.directory), picture(tmp_path / "new" / "out")
    expected = {"packages.lock", "settings.yaml"} | {name for name in here if name.split("/")[0] == "code"}
    assert {name: out.pop(name) for name in sorted(expected)} == {
        name: here[name] for name in sorted(expected)
    }
    assert out == {
        name.replace("states/initial", "state"): value
        for name, value in here.items()
        if name.startswith("states/initial")
    }
    assert size == export.measure_files(found)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_a_name_in_code_that_ends_in_parts_means_nothing_there(model: Model, tmp_path: Path) -> None:
    (model.directory / "code" / "x.parts").mkdir()
    (model.directory / "code" / "x.parts" / "file").write_text("file")
    export.export(take(model, "v1"), tmp_path / "out")
    assert (tmp_path / "out" / "code" / "x.parts" / "file").read_text() == "file"


def test_an_empty_directory_stays_the_same_directory(tmp_path: Path) -> None:
    """A shell that stands in it sees the files."""
    out = tmp_path / "out"
    out.mkdir()
    before = out.stat().st_ino
    export.export(scenes.snapshot(tmp_path), out)
    assert out.stat().st_ino == before
    assert sorted(path.name for path in out.iterdir()) == ["code", "settings.yaml", "state"]


def test_of_an_empty_directory_settings_are_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are, all of it is."""
    order: list[str] = []
    rename = Path.rename

    def noted(path: Path, target: Path) -> Path:
        order.append(path.name)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", noted)
    (tmp_path / "out").mkdir()
    export.export(scenes.snapshot(tmp_path), tmp_path / "out")
    assert order[-1] == "settings.yaml"


def test_a_target_that_is_taken(tmp_path: Path) -> None:
    found = scenes.snapshot(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "directory" / "sub").mkdir(parents=True)
    (tmp_path / "dangling link").symlink_to("nowhere")
    before = picture(tmp_path)
    for name in ("file", "directory", "dangling link"):
        with refuses(tmp_path / name):
            export.export(found, tmp_path / name)
    assert picture(tmp_path) == before


def test_a_damaged_object_leaves_the_target_as_it_was(model: Model, tmp_path: Path) -> None:
    put(model, "initial", {"large": noise(9_000_000)})
    take(model, "v1")
    (pack,) = (model.repository.common / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    with pack.open("r+b") as file:
        file.seek(5_000_000)
        file.write(b"damage")
    (tmp_path / "empty").mkdir()
    before = picture(tmp_path)
    (found,) = snapshot.read_own_snapshots(Model.open(model.directory))
    for name in ("new", "empty"):
        with pytest.raises(BrokenObject):
            export.export(found, tmp_path / name)
        assert picture(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "goal"), [("link", "/etc/passwd"), ("link", "../../outside"), ("sub/link", "../../../outside")]
)
def test_a_link_that_leads_out_is_not_written(git: Git, tmp_path: Path, name: str, goal: str) -> None:
    """Nobody can take such a snapshot with gitstore; stock git can make one."""
    here = scenes.snapshot(tmp_path).repository.directory
    blob = git("hash-object", "-w", "--stdin", cwd=here, stdin=goal.encode()).strip()
    tree = git("mktree", cwd=here, stdin=f"120000 blob {blob}\t{name.rpartition('/')[2]}\n".encode()).strip()
    if "/" in name:
        tree = git("mktree", cwd=here, stdin=f"040000 tree {tree}\tsub\n".encode()).strip()
    top = git("ls-tree", "v1", cwd=here).splitlines()
    lines = [f"040000 tree {tree}\tcode" if line.endswith("\tcode") else line for line in top]
    forged = git("mktree", cwd=here, stdin="".join(f"{line}\n" for line in lines).encode()).strip()
    commit = git("commit-tree", "-m", "x", forged, cwd=here).strip()
    said = "\n".join(f"{key}: {value}" for key, value in (trailers(here, "v1") | {"Code-Tree": tree}).items())
    git("tag", "--annotate", "-m", f"x\n\n{said}", "v2", commit, cwd=here)
    found = next(each for each in snapshot.read_own_snapshots(Model.open(here)) if each.name == "v2")
    # The path is within code/ or within the whole, whoever finds it first.
    with refuses(name, goal, kind=Corrupt):
        export.export(found, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_killed_export_left_is_no_obstacle(tmp_path: Path) -> None:
    found = scenes.snapshot(tmp_path)
    target = tmp_path / "out"
    (target / ".export~new-x").mkdir(parents=True)
    (target / ".export~new-x" / "half").touch()
    export.export(found, target)
    assert sorted(path.name for path in target.iterdir()) == ["code", "settings.yaml", "state"]
