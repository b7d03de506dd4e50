"""Running stock git."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gitstore.disk import locks
from gitstore.errors import GitstoreError, Locked

# The user's hooks are for the user's git commands; what git does on our behalf must not depend on them.
# Hooks in the configuration (git 2.54) have no path: git 2.55 disables those of an event by its name, and
# git 2.54 only one by one, for which see `without_hooks`.
_EVENTS = (
    "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "post-index-change",
    "reference-transaction", "pre-auto-gc",
)  # fmt: skip

# Settings of the user that would change what git does for us. tests/compat/test_git_settings.py has all of
# git-config(1), and why the others do no harm.
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    **{f"hook.{event}.enabled": "false" for event in _EVENTS},
    "core.ignoreStat": "false",  # marks by which git does not look at files
    "core.fsmonitor": "false",  # a program, which says what has changed
    "gc.auto": "0",  # upkeep is for the user's commands, too
    "maintenance.auto": "false",
    "core.abbrev": "auto",
    "core.preferSymlinkRefs": "false",  # libgit2 does not read a HEAD that is a link
    "pack.packSizeLimit": "0",  # one pack, of which we have the name
    "pack.indexVersion": "2",
    "init.defaultRefFormat": "files",  # of git 2.47; git 2.44 and earlier have no option for it
    "index.skipHash": "false",  # of git 2.40: with core.splitIndex, it writes an index that has lost its base
    "submodule.recurse": "false",
    "commit.gpgSign": "false",  # commits of gitstore are never signed, its tags are
    "i18n.commitEncoding": "UTF-8",
}
_OPTIONS = tuple(word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}"))

# Variables that lead git elsewhere, or change what it reads and writes (git(1), gitattributes(5)).
_UNSET = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_ATTR_SOURCE", "GIT_COMMON_DIR", "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT", "GIT_DIFF_OPTS", "GIT_DIR", "GIT_EXTERNAL_DIFF", "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INDEX_VERSION", "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS", "GIT_NO_LAZY_FETCH", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH",
    "GIT_REF_PARANOIA", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
)  # fmt: skip
_VARIABLES = {
    "GIT_GRAFT_FILE": "/dev/null/none",  # of an empty one, git has advice to give
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a snapshot is what its ids say; libgit2 sees no replacement either
    "LANGUAGE": "en",  # messages as we know them, and nothing else of the locale
}

# What git says where another git holds a lock, or has left it (its lockfile.c and config.c).
_LOCKED = re.compile("(?:Unable to create '(.+)[.]lock'|could not lock config file (.+)): File exists")

_PROGRESS = re.compile(r"(remote: )?[A-Z][\w ]+: +\d+% |remote: |From ")


FORMAT = ("--object-format=sha1",)
"""Options of git init, so that defaults of the user do not make a repository that we cannot read."""


class GitFailed(GitstoreError):
    """Stock git said no. The message is git's own, which is for people already."""

    def __init__(self, arguments: Sequence[str], returncode: int, stderr: str) -> None:
        said = stderr.strip().removeprefix("fatal: ").removeprefix("error: ")
        verb = next((word for word in arguments if not word.startswith("-") and "=" not in word), "")
        super().__init__(f"git {verb}: {' '.join(said.split()) or f'exit code {returncode}'}")
        self.returncode = returncode
        self.stderr = stderr


class GitLocked(GitFailed, Locked):
    """Stock git met a lock: of another git that runs, or that was killed. `path` is the file it locks."""

    def __init__(self, arguments: Sequence[str], returncode: int, stderr: str, path: Path) -> None:
        super().__init__(arguments, returncode, stderr)
        self.message = f"{path} is locked by another git process"
        self.hint = f"if none is running, a crash left the lock: remove {path}.lock"


def _failure(arguments: Sequence[str], returncode: int, stderr: str, cwd: Path) -> GitFailed:
    """What to raise for a git that failed in a directory."""
    locked = _LOCKED.search(stderr)
    if locked is None:
        return GitFailed(arguments, returncode, stderr)
    return GitLocked(arguments, returncode, stderr, cwd / (locked[1] or locked[2]))


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

    Pathspecs are literal. `variables` are added to the environment that git inherits, which is rid of
    those that lead git elsewhere. Raises `GitFailed` with git's message if
    it exits with anything but 0, `GitLocked` if it met a lock, and `GitstoreError` if there is no git.
    """
    done = attempt(*arguments, cwd=cwd, stdin=stdin, variables=variables)
    if done.returncode:
        raise _failure(arguments, done.returncode, done.stderr, cwd)
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
    with _explained(cwd):
        done = subprocess.run(
            ["git", *_OPTIONS, *arguments],
            cwd=cwd,
            env=_environment(variables or {}),
            input=None if at_terminal else stdin,
            capture_output=True,
            check=False,
            pass_fds=() if at_terminal else locks.held(),
        )
    return Ended(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def watch(
    *arguments: str, cwd: Path, hear: Callable[[str], None], variables: Mapping[str, str] | None = None
) -> None:
    """Run git in `cwd` like `run`, and hand each piece of its progress to `hear` as it comes.

    It may ask the user, on the terminal, for a password. What it starts may live on (ssh, an agent that
    remembers passwords), and holds no lock of ours. Raises like `run`.
    """
    said = []
    with _explained(cwd):
        process = subprocess.Popen(
            ["git", *_OPTIONS, *arguments],
            cwd=cwd,
            env=_environment(variables or {}),
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
        raise _failure(arguments, process.returncode, "".join(said), cwd)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what git's environment is: ours, without what would lead git elsewhere, and `variables`."""
    inherited = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return inherited | _VARIABLES | dict(variables)


def without_hooks(keys: Iterable[str]) -> list[str]:
    """Options that disable each hook among the keys of a configuration by its name, as git 2.54 wants it."""
    names = {key.split(".", 1)[1].rpartition(".")[0] for key in keys if key.startswith("hook.")}
    # A "=" would end the key.
    named = [name for name in sorted(names) if name and "=" not in name]
    return [word for name in named for word in ("-c", f"hook.{name}.enabled=false")]


def variable(name: str) -> str | None:
    """The value of an environment variable that git would heed."""
    return os.environ.get(name)


def line(*arguments: str, cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """The one line that a git command prints, without its end."""
    return run(*arguments, cwd=cwd, variables=variables).decode(errors="surrogateescape").rstrip("\n")


def user_config(section: str, cwd: Path, *, keys: Sequence[str]) -> dict[str, str]:
    """Paths, or other values, in one section of the user's own configuration, by keys in small letters.

    What a repository says in its files does not count. Of several values of a key the last one holds; a `~`
    at its start is the home directory. Raises `GitFailed` if git cannot read its configuration.
    """
    words = (
        "config",
        "--show-scope",
        "-z",
        "--type=path",
        "--get-regexp",
        rf"^{section}\.({'|'.join(keys)})$",
    )
    done = attempt(*words, cwd=cwd)
    if done.returncode > 1:
        raise GitFailed(words, done.returncode, done.stderr)
    fields = done.stdout.decode(errors="surrogateescape").split("\0")
    pairs = [
        entry.partition("\n")
        for scope, entry in zip(fields[::2], fields[1::2], strict=False)
        if scope not in ("local", "worktree")
    ]
    return {key.removeprefix(f"{section}."): value for key, _, value in pairs}


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


def identity(cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """Who is at work in a directory, and when: name, mail, time and zone.

    Raises `GitstoreError` if git knows nobody.
    """
    try:
        return line("var", "GIT_COMMITTER_IDENT", cwd=cwd, variables=variables)
    except GitFailed as error:
        raise GitstoreError(
            "git does not know who you are",
            'say it once: git config --global user.name "Your Name"; '
            "git config --global user.email you@example.org",
        ) from error
