"""gitstore at a terminal, and all that the terminal gets from it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support import spawning
from tests.support.commands import GITSTORE

PATIENCE = 30.0
"""Seconds until a command that prints nothing more has failed the test."""


def screen(
    *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None, installed: bool = False
) -> bytes:
    """Run gitstore with all its streams at a terminal, and return what it printed there.

    It is a fork of the server of `spawning`, or the installed program.
    """
    ours, theirs = pty.openpty()
    variables = {"TERM": "xterm", **(variables or {})}
    process: spawning.Process | subprocess.Popen[bytes]
    if installed:
        process = subprocess.Popen(
            [GITSTORE, *arguments], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, env=os.environ | variables,
        )  # fmt: skip
    else:
        process = spawning.start(*arguments, cwd=cwd, variables=variables, terminal=theirs)
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
