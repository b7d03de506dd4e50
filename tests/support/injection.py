"""Failures of system calls, put by strace into the git processes that gitstore starts."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from tests.support.faults import require_strace


def git_under_strace(directory: Path, verb: str, *options: str) -> Path:
    """A directory for the front of PATH: its git runs under strace, with options, where it runs `verb`.

    For instance `-e inject=openat:error=EMFILE:when=7` lets the seventh openat(2) fail.
    """
    require_strace()
    stock = shutil.which("git")
    assert stock is not None
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "git").write_text(
        "#!/bin/sh\n"
        f'case " $* " in *" {verb} "*)\n'
        f'    exec strace -qq -o /dev/null {shlex.join(options)} {stock} "$@" ;;\n'
        "esac\n"
        f'exec {stock} "$@"\n'
    )
    (directory / "git").chmod(0o755)
    return directory
