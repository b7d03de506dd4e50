"""Running stock git, and gitstore as it is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gitstore.git.repository import Repository

GITSTORE = Path(sys.executable).with_name("gitstore")
"""The installed program."""

# What git fsck says of a repository that has no commit yet.
_NOTICES = ("notice: HEAD points to an unborn branch", "notice: No default references")


class Outcome(NamedTuple):
    """How a command ended, and all that it printed."""

    code: int
    stdout: str
    stderr: str


Run = Callable[..., Outcome]
"""The entry point in this process: `run("list", cwd=directory)`."""


class Git(Protocol):
    def __call__(self, *arguments: str, cwd: Path, stdin: bytes = b"") -> str: ...


class Gitstore(Protocol):
    def __call__(self, *arguments: str, cwd: Path, stdin: str = "") -> Outcome: ...


Fsck = Callable[[Repository | Path], None]


def git(*arguments: str, cwd: Path, stdin: bytes = b"") -> str:
    """Run stock git and return its standard output; a failure of git is one of the test."""
    done = subprocess.run(["git", *arguments], cwd=cwd, input=stdin, capture_output=True, check=False)
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"git {' '.join(arguments)}: exit code {done.returncode}\n{said}"
    return done.stdout.decode(errors="surrogateescape")


def fsck(repository: Repository | Path) -> None:
    """Assert that `git fsck --full --strict` has nothing to say."""
    directory = repository if isinstance(repository, Path) else repository.directory
    command = ["git", "fsck", "--full", "--strict", "--no-dangling", "--no-progress"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith(_NOTICES)]
    assert not said and done.returncode == 0, "\n".join([f"git fsck: exit code {done.returncode}", *said])


def gitstore(*arguments: str, cwd: Path, stdin: str = "") -> Outcome:
    """Run the installed gitstore."""
    done = subprocess.run(
        [GITSTORE, *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def said(*lines: str, code: int = 0) -> Outcome:
    """Nothing on stdout, and these lines on stderr."""
    return Outcome(code, "", "".join(f"{line}\n" for line in lines))


def parsed(outcome: Outcome) -> Any:
    """The JSON of a command that succeeded and had nothing else to say."""
    assert (outcome.code, outcome.stderr) == (0, "")
    return json.loads(outcome.stdout)


def bytes_hidden(text: str) -> str:
    """Sizes in a pack depend on the version of the compressor; everything else is exact."""
    return re.sub(r"added \d[\d.]* (B|KiB|MiB)", "added SIZE", text)
