"""A directory that is built out of sight is there whole, or not at all, whoever is killed or comes first."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitstore.disk.construction import construction
from tests.support.failing import refuses


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def build(place: Path, *, then: str) -> subprocess.Popen[bytes]:
    """A process that has begun to build at a place, and says so; `then` is what it does next."""
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from gitstore.disk.construction import construction\n"
        "with construction(Path(sys.argv[1])) as directory:\n"
        "    (directory / 'other').write_text('other')\n"
        "    print('begun', flush=True)\n"
        f"    {then}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    return process


@pytest.mark.parametrize("name", ["new", "größer [1] *"])
def test_it_appears_whole(tmp_path: Path, name: str) -> None:
    place = tmp_path / "deep" / name
    with construction(place) as directory:
        (directory / "below").mkdir()
        (directory / "below" / "file").write_text("content")
        assert not place.exists()
    assert (place / "below" / "file").read_text() == "content"
    assert names(place.parent) == [name]
    assert place.stat().st_mode & 0o777 == (tmp_path / "deep").stat().st_mode & 0o777


def test_in_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    with construction(tmp_path / "place") as directory:
        (directory / "file").touch()
    assert names(tmp_path / "place") == ["file"]


def test_nothing_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), construction(tmp_path / "deep" / "place") as directory:
        (directory / "file").touch()
        (directory / "file").chmod(0o444)
        raise RuntimeError
    assert names(tmp_path) == []


def test_who_is_second_takes_nothing_from_the_first(tmp_path: Path) -> None:
    place = tmp_path / "place"
    with (
        refuses(place),
        construction(place) as directory,
    ):
        (directory / "mine").touch()
        place.mkdir()
        (place / "theirs").touch()
    assert names(tmp_path) == ["place"]
    assert names(place) == ["theirs"]


def test_what_a_kill_left_goes_with_the_next(tmp_path: Path) -> None:
    killed = build(tmp_path / "place", then="os.kill(os.getpid(), signal.SIGKILL)")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    (tmp_path / ".place2~new-abc").mkdir()  # of another place
    with construction(tmp_path / "place") as directory:
        assert names(tmp_path) == [".place2~new-abc", directory.name] or directory.name < ".place2"
        (directory / "mine").touch()
    assert names(tmp_path) == [".place2~new-abc", "place"]
    assert names(tmp_path / "place") == ["mine"]


def test_what_another_process_builds_stays(tmp_path: Path) -> None:
    other = build(tmp_path / "place", then="sys.stdin.read()")
    with construction(tmp_path / "place"):
        assert len(names(tmp_path)) == 2
        other.communicate(b"")
        assert other.returncode == 0
        # Theirs is complete, and so is ours: an empty directory would give way, theirs does not.
        assert names(tmp_path / "place") == ["other"]
        (tmp_path / "place" / "other").unlink()
    assert names(tmp_path) == ["place"]
