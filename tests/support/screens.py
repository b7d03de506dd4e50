"""A command at a terminal, and all that the terminal gets from it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 30.0
"""Seconds until a command that prints nothing more has failed the test."""


def screen(command: Sequence[str | Path], cwd: Path, variables: Mapping[str, str] | None = None) -> bytes:
    """Run a command with all its streams at a terminal, and return what it printed there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=os.environ | {"TERM": "xterm", **(variables or {})},
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    try:
        while True:
            ready, _, _ = select.select([ours], [], [], PATIENCE)
            assert ready, f"nothing more after {printed!r}"
            try:
                block = os.read(ours, 65536)
            except OSError:  # how Linux tells the end
                break
            if not block:
                break
            printed += block
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return printed.replace(b"\r\n", b"\n")
