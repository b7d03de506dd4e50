"""gitstore in processes of its own: several at once, and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.commands import Outcome

GITSTORE = Path(sys.executable).with_name("gitstore")


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """gitstore in a process group of its own."""
    return subprocess.Popen(
        [GITSTORE, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def outcome(process: subprocess.Popen[str]) -> Outcome:
    """How it ends, within a minute."""
    stdout, stderr = process.communicate(timeout=60)
    return Outcome(process.returncode, stdout, stderr)


def alive(group: int) -> bool:
    """Whether a process of the group lives: a git that was started may outlive who started it."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            return True
    return False


def kill(process: subprocess.Popen[str], *, group: bool) -> None:
    """SIGKILL, and wait until nothing of it is left that could still write."""
    if group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.005)
