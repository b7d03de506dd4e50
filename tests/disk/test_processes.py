"""Names of processes: a later one with the same number is another one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitstore.disk.processes import ProcessId, find_working_in, identify, is_alive

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")


def test_this_process_is_alive() -> None:
    process = identify(os.getpid())
    assert is_alive(process)
    assert is_alive(ProcessId(*process))


def test_a_process_that_ended_is_not() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert not is_alive(identify(child))  # nobody has waited for it yet
    os.waitpid(child, 0)
    assert not is_alive(identify(child))


@pytest.mark.parametrize(
    "change",
    [{"started": 1}, {"started": 0}, {"boot": "another boot pid:[1]"}, {"boot": ""}, {"pid": 2**22 - 1}],
)
def test_another_start_boot_or_number_is_another_process(change: dict[str, Any]) -> None:
    process = identify(os.getpid())
    assert not is_alive(process._replace(**change))


def test_a_process_of_another_namespace_counts_as_alive() -> None:
    process = identify(os.getpid())
    boot = process.boot.partition(" ")[0]
    assert is_alive(process._replace(pid=2**22 - 1, boot=f"{boot} pid:[1]"))


def test_a_name_with_spaces_and_brackets(tmp_path: Path) -> None:
    """The name of a program stands before the time in `/proc/PID/stat`."""
    program = tmp_path / ") 0 ("
    program.symlink_to(sys.executable)
    child = os.posix_spawn(str(program), [str(program), "-c", "import time; time.sleep(60)"], os.environ)
    assert is_alive(identify(child))
    os.kill(child, 9)
    os.waitpid(child, 0)


def test_who_works_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    assert find_working_in(tmp_path, "git") is False
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path / "below") as process:
        assert find_working_in(tmp_path, "git") is True
        process.kill()
    assert find_working_in(tmp_path, "git") is False
