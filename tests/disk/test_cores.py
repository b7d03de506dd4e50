"""In which turns processes work that move much data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitstore.disk.cores import long_turns
from gitstore.models.model import Model
from tests.support.models import take
from tests.support.sharing import connect, make_bare, send

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux has SCHED_BATCH")

ASK = "import os; print(os.sched_getscheduler(0))"


def ask() -> int:
    """How a new process is scheduled."""
    return int(subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True).stdout)


def test_what_starts_in_the_block_works_in_long_turns() -> None:
    with long_turns():
        assert ask() == os.SCHED_BATCH
    assert ask() == os.SCHED_OTHER


def test_the_block_may_fail() -> None:
    with pytest.raises(OSError), long_turns():
        raise OSError
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_what_somebody_chose_stays() -> None:
    """Nobody but root can go back from SCHED_IDLE: a process of its own tries it."""
    script = (
        "import os; from gitstore.disk.cores import long_turns\n"
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
        "with long_turns(): print(os.sched_getscheduler(0))\n"
        "print(os.sched_getscheduler(0))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    assert shown.split() == [str(os.SCHED_IDLE)] * 2


def test_a_push_works_so(model: Model, tmp_path: Path) -> None:
    """What git starts is scheduled as git is: its hooks show it."""
    bare = make_bare(tmp_path / "origin.git")
    hook = bare / "hooks" / "post-receive"
    hook.write_text(f"#!/bin/sh\n{sys.executable} -c '{ASK}' > {tmp_path}/shown\n")
    hook.chmod(0o755)
    take(model, "v1")
    send(connect(model, f"file://{bare}"))
    assert int((tmp_path / "shown").read_text()) == os.SCHED_BATCH
