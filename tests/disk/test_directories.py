"""Directories that are built out of sight: told from what a kill left, and swept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from gitstore.disk import directories

HOLD = (
    "import sys; from pathlib import Path; from gitstore.disk import directories\n"
    "with directories.hidden(Path(sys.argv[1]), sys.argv[2]) as directory:\n"
    "    (directory / 'half').write_bytes(bytes(1000)); print(directory, flush=True); sys.stdin.read()\n"
)


def held(parent: Path, name: str) -> tuple[subprocess.Popen[str], Path]:
    """A process that builds a directory, and that directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, parent, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().rstrip("\n"))


def sweep_all(parent: Path) -> None:
    for path in directories.find_abandoned(parent):
        directories.remove_abandoned(path)


def test_what_lives_stays_and_what_was_killed_goes(tmp_path: Path) -> None:
    living, there = held(tmp_path, "a")
    killed, left = held(tmp_path, "b[1] *")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    mine = [tmp_path / ".a~newer", tmp_path / "a~new-x", tmp_path / ".a"]
    for path in mine:
        path.mkdir()
    assert directories.find_abandoned(tmp_path) == [left]
    directories.sweep(tmp_path, "a")
    assert left.exists()  # of another name
    sweep_all(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([there, *mine])
    living.communicate("")
    assert sorted(tmp_path.iterdir()) == sorted(mine)


def test_a_child_process_of_the_builder_holds_it_too(tmp_path: Path) -> None:
    """As git does, which may write there although gitstore was killed."""
    script = HOLD.replace(
        "sys.stdin.read()",
        "import subprocess; from gitstore.disk import locks as lock; "
        "subprocess.Popen(['cat'], pass_fds=lock.held()); import os; os.kill(os.getpid(), 9)",
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path, "a"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert parent.wait() == -signal.SIGKILL
    assert directories.find_abandoned(tmp_path) == []
    parent.communicate(b"")  # cat ends
    directory = next(tmp_path.iterdir())
    while directories.find_abandoned(tmp_path) == []:
        assert directory.exists()
    sweep_all(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_scratch_is_elsewhere_where_it_cannot_be_written(tmp_path: Path) -> None:
    with directories.scratch(tmp_path / "ours", "x") as directory:
        assert directory.parent == tmp_path / "ours"
    (tmp_path / "file").touch()
    with directories.scratch(tmp_path / "file" / "below", "x") as directory:
        assert not directory.is_relative_to(tmp_path)
    assert not directory.exists()


def test_what_a_kill_left_goes_before_the_same_is_built(tmp_path: Path) -> None:
    killed, left = held(tmp_path, "a")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    with directories.hidden(tmp_path, "b"):
        assert left.exists()
    with directories.hidden(tmp_path, "a") as directory:
        assert list(tmp_path.iterdir()) == [directory]
