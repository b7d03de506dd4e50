"""Command lines, run by sh as a person would type them, in an environment of their own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

_GITSTORE = "from gitstore.cli.main import main; main()"

# Seconds that a command may take to end after SIGINT.
_PATIENCE = 2.0

_VARIABLES = {
    "GIT_AUTHOR_NAME": "Demo",
    "GIT_AUTHOR_EMAIL": "demo@example.org",
    "GIT_COMMITTER_NAME": "Demo",
    "GIT_COMMITTER_EMAIL": "demo@example.org",
    # The user's signing, hooks, templates and aliases are not what a command line shows. The home, which is
    # new, has no configuration; root's git config --global would replace /dev/null as GIT_CONFIG_GLOBAL.
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
}


class CommandOutcome(NamedTuple):
    """What a command printed, standard output and error together, and its exit code."""

    output: str
    exit_code: int


class Shell:
    """A directory to be in, and an environment where `gitstore` and `python` are those that run this.

    Home, temporary files and git's identity and configuration are the shell's own, and gone when the
    context ends. The cache is the user's. `cd` changes the directory; every other line is a process of sh.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._own = tempfile.TemporaryDirectory(prefix="gitstore-shell-", ignore_cleanup_errors=True)
        own = Path(self._own.name)
        for name in ("bin", "home", "tmp"):
            (own / name).mkdir()
        _program(own / "bin" / "gitstore", sys.executable, "-P", "-c", _GITSTORE)
        _program(own / "bin" / "python", sys.executable)
        self._variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "XDG_"))
        }
        # The cache is the user's: the packages that it has need not be fetched and installed again.
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        places = {"HOME": str(own / "home"), "TMPDIR": str(own / "tmp"), "XDG_CACHE_HOME": cache}
        path = f"{own / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self._variables |= {**places, "PATH": path, **_VARIABLES}

    def run(self, line: str) -> CommandOutcome:
        """Run a command line, which may be continued with backslashes, and wait for its end."""
        if line.startswith("cd "):
            return self._change_directory(line.removeprefix("cd ").strip())
        process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            cwd=self.directory,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,  # so that all of it can be stopped, and Ctrl-C comes through us
        )
        try:
            output = process.communicate()[0]
        except BaseException:
            _stop(process)
            raise
        return CommandOutcome(output.decode(errors="replace"), process.returncode)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._own.cleanup()

    def _change_directory(self, path: str) -> CommandOutcome:
        directory = (self.directory / path).resolve()
        if not directory.is_dir():
            return CommandOutcome(f"cd: {path}: there is no such directory\n", 1)
        self.directory = directory
        return CommandOutcome("", 0)


def _program(path: Path, *command: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started, gently at first."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_PATIENCE)
            return
