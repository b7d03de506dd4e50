"""Running stock git."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.objects import lock

MINIMUM = (2, 39)

# The user's hooks are for the user's git commands; what git does on our behalf must not depend on them.
_WITHOUT_HOOKS = ("-c", "core.hooksPath=/dev/null")


class GitFailed(GitstoreError):
    """Stock git said no. The message is git's own, which is for people already."""

    def __init__(self, arguments: Sequence[str], returncode: int, stderr: str) -> None:
        said = stderr.strip().removeprefix("fatal: ").removeprefix("error: ")
        verb = next((word for word in arguments if not word.startswith("-") and "=" not in word), "")
        super().__init__(f"git {verb}: {' '.join(said.split()) or f'exit code {returncode}'}")
        self.returncode = returncode
        self.stderr = stderr


def run(
    *arguments: str,
    cwd: Path,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
) -> bytes:
    """Run git in `cwd`, without the user's hooks, and return its standard output.

    `variables` are added to the environment git inherits. Raises `GitFailed` with git's message if
    it exits with anything but 0, and `GitstoreError` if there is no git.
    """
    # env(1) adds variables without this room having to read the environment.
    prefix = ["env", *(f"{name}={value}" for name, value in (variables or {}).items())] if variables else []
    command = [*prefix, "git", *_WITHOUT_HOOKS, *arguments]
    try:
        done = subprocess.run(
            command, cwd=cwd, input=stdin, capture_output=True, check=False, pass_fds=lock.held()
        )
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise GitstoreError(f"{cwd}: there is no such directory") from error
        raise GitstoreError("git is not installed, or not on PATH", "install git 2.39 or newer") from error
    if done.returncode:
        raise GitFailed(arguments, done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout


def line(*arguments: str, cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """The one line that a git command prints, without its end."""
    return run(*arguments, cwd=cwd, variables=variables).decode(errors="surrogateescape").rstrip("\n")


def identity(cwd: Path) -> str:
    """Who is at work in a directory, and when: name, mail, time and zone.

    Raises `GitstoreError` if git knows nobody.
    """
    try:
        return line("var", "GIT_COMMITTER_IDENT", cwd=cwd)
    except GitFailed as error:
        raise GitstoreError(
            "git does not know who you are",
            'say it once: git config --global user.name "Your Name"; '
            "git config --global user.email you@example.org",
        ) from error
