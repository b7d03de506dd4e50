"""Running stock git."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.objects import lock

# The user's hooks are for the user's git commands; what git does on our behalf must not depend on them.
_WITHOUT_HOOKS = ("-c", "core.hooksPath=/dev/null")

_PROGRESS = re.compile(r"(remote: )?[A-Z][\w ]+: +\d+% |remote: |From ")


class GitFailed(GitstoreError):
    """Stock git said no. The message is git's own, which is for people already."""

    def __init__(self, arguments: Sequence[str], returncode: int, stderr: str) -> None:
        said = stderr.strip().removeprefix("fatal: ").removeprefix("error: ")
        verb = next((word for word in arguments if not word.startswith("-") and "=" not in word), "")
        super().__init__(f"git {verb}: {' '.join(said.split()) or f'exit code {returncode}'}")
        self.returncode = returncode
        self.stderr = stderr


class Ended(NamedTuple):
    """How a git process ended, and what it printed."""

    returncode: int
    stdout: bytes
    stderr: str


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
    done = attempt(*arguments, cwd=cwd, stdin=stdin, variables=variables)
    if done.returncode:
        raise GitFailed(arguments, done.returncode, done.stderr)
    return done.stdout


def attempt(
    *arguments: str,
    cwd: Path,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    at_terminal: bool = False,
) -> Ended:
    """Run git like `run`, for which an exit code other than 0 is an answer.

    `at_terminal`, its standard input is ours, so that what it starts can ask the person; that may
    live on (an agent that remembers passphrases), and holds no lock of ours.
    """
    # env(1) adds variables without this room having to read the environment.
    prefix = ["env", *(f"{name}={value}" for name, value in (variables or {}).items())] if variables else []
    command = [*prefix, "git", *_WITHOUT_HOOKS, *arguments]
    with _explained(cwd):
        done = subprocess.run(
            command,
            cwd=cwd,
            input=None if at_terminal else stdin,
            capture_output=True,
            check=False,
            pass_fds=() if at_terminal else lock.held(),
        )
    return Ended(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def watch(*arguments: str, cwd: Path, hear: Callable[[str], None]) -> None:
    """Run git in `cwd` like `run`, and hand each piece of its progress to `hear` as it comes.

    It may ask the user, on the terminal, for a password. What it starts may live on (ssh, an agent that
    remembers passwords), and holds no lock of ours. Raises like `run`.
    """
    # Its messages as we know them, and nothing else of the locale.
    command = ["env", "LANGUAGE=en", "git", *_WITHOUT_HOOKS, *arguments]
    said = []
    with _explained(cwd):
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    with process:
        for piece in process.stderr or ():  # "\r" ends a line, too
            if _PROGRESS.match(piece):
                hear(piece)
            else:
                said.append(piece)
    if process.returncode:
        raise GitFailed(arguments, process.returncode, "".join(said))


def line(*arguments: str, cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """The one line that a git command prints, without its end."""
    return run(*arguments, cwd=cwd, variables=variables).decode(errors="surrogateescape").rstrip("\n")


def user_config(key: str, cwd: Path) -> str | None:
    """A value of the user's own configuration; what a repository says in its files does not count.

    A `~` at its start is the home directory. Raises `GitFailed` if git cannot read its configuration.
    """
    done = attempt("config", "--show-scope", "-z", "--type=path", "--get-all", key, cwd=cwd)
    if done.returncode > 1:
        raise GitFailed(("config", key), done.returncode, done.stderr)
    fields = done.stdout.decode(errors="surrogateescape").split("\0")
    values = [value for scope, value in zip(fields[::2], fields[1::2], strict=False)
              if scope not in ("local", "worktree")]  # fmt: skip
    return values[-1] if values else None


@contextmanager
def _explained(cwd: Path) -> Iterator[None]:
    """Say why git could not be started at all."""
    try:
        yield
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise GitstoreError(f"{cwd}: there is no such directory") from error
        raise GitstoreError("git is not installed, or not on PATH", "install git 2.39 or newer") from error


def nearest(directory: Path) -> Path:
    """Where to ask git about a directory that may not be there yet: in it, or the nearest one above."""
    return next(each for each in (directory, *directory.parents) if each.is_dir())


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
