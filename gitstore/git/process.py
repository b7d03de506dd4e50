"""Running stock git, apart from the user's hooks and from variables that lead git elsewhere."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from gitstore.disk import locks
from gitstore.disk.cores import long_turns
from gitstore.errors import GitstoreError, Locked

# The user's hooks are for the user's git commands. What git does for gitstore must not depend on them.
# Hooks in the configuration (git 2.54) have no path. git 2.55 disables all hooks of an event by its name;
# git 2.54 disables each by its own name, see `disable_hooks`.
_EVENTS = (
    "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "post-index-change",
    "reference-transaction", "pre-auto-gc",
)  # fmt: skip

# Settings of the user that would change what git does for gitstore. tests/compat/test_git_settings.py has
# all settings of git-config(1), and says why the others do no harm.
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    **{f"hook.{event}.enabled": "false" for event in _EVENTS},
    "core.ignoreStat": "false",  # marks that make git skip files
    "core.fsmonitor": "false",  # a program that tells git what has changed
    "gc.auto": "0",  # maintenance belongs to the user's commands, too
    "maintenance.auto": "false",
    "core.abbrev": "auto",
    "core.preferSymlinkRefs": "false",  # libgit2 does not read a HEAD that is a link
    "pack.packSizeLimit": "0",  # one pack, whose name is known
    "pack.indexVersion": "2",
    "init.defaultRefFormat": "files",  # since git 2.47; git 2.44 and earlier have no option for it
    "index.skipHash": "false",  # since git 2.40: with core.splitIndex, it writes an index without its base
    "submodule.recurse": "false",
    "commit.gpgSign": "false",  # commits of gitstore are never signed, its tags are
    "i18n.commitEncoding": "UTF-8",
}
_OPTIONS = tuple(word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}"))
# A push is the user's own: their hooks decide about it, too.
_WITH_HOOKS = tuple(
    word
    for key, value in _SETTINGS.items()
    for word in ("-c", f"{key}={value}")
    if key != "core.hooksPath" and not key.startswith("hook.")
)

# Variables that lead git elsewhere, or change what it reads and writes (git(1), gitattributes(5)).
_UNSET = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_ATTR_SOURCE", "GIT_COMMON_DIR", "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT", "GIT_DIFF_OPTS", "GIT_DIR", "GIT_EXTERNAL_DIFF", "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INDEX_VERSION", "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS", "GIT_NO_LAZY_FETCH", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH",
    "GIT_REF_PARANOIA", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
)  # fmt: skip
_VARIABLES = {
    "GIT_GRAFT_FILE": "/dev/null/none",  # git gives advice about an empty file
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a snapshot is what its ids say; libgit2 sees no replacement either
    "LANGUAGE": "en",  # messages that this module can read; the rest of the locale stays
}

# The messages of git if another git holds a lock, or left it behind (lockfile.c and config.c of git).
_LOCKED = re.compile("(?:Unable to create '(.+)[.]lock'|could not lock config file (.+)): File exists")

_PROGRESS = re.compile(r"(remote: )?[A-Z][\w ]+: +\d+% |remote: |From ")


_PIECE = 64 * 1024
_MESSAGE = 64 * 1024
"""The most bytes of a message that are read from a file."""

FORMAT = ("--object-format=sha1",)
"""Options of git init. With the user's defaults, gitstore might not be able to read the repository."""


class GitFailed(GitstoreError):
    """Stock git failed. The message is git's own, which is meant for people already."""

    def __init__(self, arguments: Sequence[str], returncode: int, *, stderr: str) -> None:
        reason = stderr.strip().removeprefix("fatal: ").removeprefix("error: ")
        command = next((word for word in arguments if not word.startswith("-") and "=" not in word), "")
        super().__init__(f"git {command}: {' '.join(reason.split()) or f'exit code {returncode}'}")
        self.returncode = returncode
        self.stderr = stderr


class GitLocked(GitFailed, Locked):
    """Stock git found a lock of another git, which runs or was killed. `path` is the locked file."""

    def __init__(self, arguments: Sequence[str], returncode: int, *, stderr: str, path: Path) -> None:
        super().__init__(arguments, returncode, stderr=stderr)
        self.message = f"{path} is locked by another git process"
        self.hint = f"if no git process is running, a crash left the lock: remove {path}.lock"


def _failure(arguments: Sequence[str], returncode: int, *, stderr: str, directory: Path) -> GitFailed:
    """Return the error for a git that failed in a directory."""
    locked = _LOCKED.search(stderr)
    if locked is None:
        return GitFailed(arguments, returncode, stderr=stderr)
    path = directory / (locked[1] or locked[2])
    return GitLocked(arguments, returncode, stderr=stderr, path=path)


class Completed(NamedTuple):
    """The exit code and the output of a git process."""

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

    Pathspecs are literal. git inherits the environment, except for variables that lead git elsewhere, and
    gets `variables`. Raises `GitFailed` with git's message if git exits with anything but 0, `GitLocked` if
    git found a lock, and `GitstoreError` if git is not installed.
    """
    completed = attempt(*arguments, cwd=cwd, stdin=stdin, variables=variables)
    return check(completed, arguments, cwd=cwd).stdout


def attempt(
    *arguments: str,
    cwd: Path,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    at_terminal: bool = False,
) -> Completed:
    """Run git like `run`, but return its exit code instead of raising.

    With `at_terminal`, git inherits standard input, so that a program that it starts can ask the person.
    Such a program may live on (an agent that remembers passphrases), so it inherits no lock.
    """
    with _explain_failed_start(cwd):
        process = subprocess.run(
            ["git", *_OPTIONS, *arguments],
            cwd=cwd,
            env=_environment(variables or {}),
            input=None if at_terminal else stdin,
            capture_output=True,
            check=False,
            pass_fds=() if at_terminal else locks.held(),
        )
    return Completed(process.returncode, process.stdout, process.stderr.decode(errors="replace"))


def watch(
    *arguments: str,
    cwd: Path,
    on_progress: Callable[[str], None],
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    with_hooks: bool = False,
) -> Completed:
    """Run git in `cwd` like `attempt`, and call `on_progress` with each line of progress as it comes.

    Lines of the other side, which begin with `remote: `, are progress, too; the other lines are in the
    result. git may ask for a password on the terminal. Programs that it starts may live on (ssh, an agent
    that remembers passwords), so they inherit no lock. `with_hooks` lets the user's hooks run. All of them
    work in long turns (`cores.long_turns`).
    """
    messages = []
    with _explain_failed_start(cwd), tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        with long_turns():
            process = subprocess.Popen(
                ["git", *(_WITH_HOOKS if with_hooks else _OPTIONS), *arguments],
                cwd=cwd,
                env=_environment(variables or {}),
                stdin=given,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        with process:
            for line in process.stderr or ():  # text mode: "\r" ends a line, too
                if _PROGRESS.match(line):
                    on_progress(line)
                else:
                    messages.append(line)
        output.seek(0)
        return Completed(process.returncode, output.read(), "".join(messages))


def check(completed: Completed, arguments: Sequence[str], *, cwd: Path) -> Completed:
    """Return what a git process gave. Raises like `run` if it failed."""
    if completed.returncode:
        raise _failure(arguments, completed.returncode, stderr=completed.stderr, directory=cwd)
    return completed


def read_blocks(
    *arguments: str, size: int, cwd: Path, stdin: IO[bytes], variables: Mapping[str, str]
) -> Generator[bytes]:
    """Run git like `run`, and yield its output in blocks of `size` bytes, for what is too large for memory.

    git reads the file `stdin`. Closing the iterator ends git.
    """
    pipes: dict[str, Any] = {"stdin": stdin, "stdout": subprocess.PIPE}
    with _piping(arguments, cwd=cwd, variables=variables, pipes=pipes) as process:
        while process.stdout is not None and (block := process.stdout.read(size)):
            yield block


def write_blocks(blocks: Iterable[bytes], *arguments: str, cwd: Path, variables: Mapping[str, str]) -> None:
    """Run git like `run`, with blocks as its input, for what is too large for memory."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with (
        _piping(arguments, cwd=cwd, variables=variables, pipes=pipes) as process,
        suppress(BrokenPipeError),  # git has ended early, and says why
        process.stdin or nullcontext() as pipe,
    ):
        for block in blocks:
            if pipe is not None:
                pipe.write(block)


def serve(
    *arguments: str,
    cwd: Path,
    blocks: Iterable[bytes],
    variables: Mapping[str, str],
    cpu_seconds: int,
    write: Callable[[bytes], object] | None = None,
) -> int:
    """Run git for somebody else, with `blocks` as its input, and return its exit code.

    It has our standard output and error, the hooks of the repository, and `variables` as its whole
    environment. `write` gets the output instead, if it is given. Each process of git may use so many seconds
    of the processor (on Linux). If git ends early, nothing waits for the other blocks.
    """
    with _explain_failed_start(cwd):
        process = subprocess.Popen(
            ["git", *arguments], cwd=cwd, env=dict(variables), stdin=subprocess.PIPE, bufsize=0,
            stdout=None if write is None else subprocess.PIPE,
        )  # fmt: skip
    with process:
        if hasattr(resource, "prlimit"):
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
        # The other side may wait for git to answer, and git may have ended: nobody would read or write.
        feeder = threading.Thread(target=_feed, args=(process.stdin, blocks), daemon=True)
        feeder.start()
        if write is not None and process.stdout is not None:
            while block := process.stdout.read(_PIECE):
                write(block)
        process.wait()
        process.stdin = None  # the feeder closes it
    return process.returncode


def _feed(pipe: IO[bytes] | None, blocks: Iterable[bytes]) -> None:
    with suppress(OSError), pipe or nullcontext():
        for block in blocks:
            view = memoryview(block)
            while pipe is not None and view:
                view = view[pipe.write(view) :]


@contextmanager
def asking(*arguments: str, cwd: Path, variables: Mapping[str, str]) -> Iterator[Callable[[bytes], bytes]]:
    """Run a git that answers each line with a line, with `variables` as its whole environment.

    Gives a function that sends a line and returns the answer, which is empty if git has ended. Both lines are
    without their ends. Raises `GitstoreError` if git is not installed.
    """
    with _explain_failed_start(cwd):
        process = subprocess.Popen(
            ["git", *arguments], cwd=cwd, env=dict(variables), bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(line: bytes) -> bytes:
        if process.stdin is None or process.stdout is None:
            return b""
        with suppress(BrokenPipeError):
            process.stdin.write(line + b"\n")
        return process.stdout.readline().rstrip(b"\n")

    with process:
        yield ask


@contextmanager
def _piping(
    arguments: Sequence[str], *, cwd: Path, variables: Mapping[str, str], pipes: Mapping[str, Any]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run git while the block runs. Its end waits for git, and raises like `run`.

    If the block raises, git is killed.
    """
    with tempfile.TemporaryFile() as stderr:
        with _explain_failed_start(cwd):
            process = subprocess.Popen(
                ["git", *_OPTIONS, *arguments],
                cwd=cwd,
                env=_environment(variables),
                **pipes,
                stderr=stderr,
                pass_fds=locks.held(),
            )
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            stderr.seek(0)
            text = stderr.read(_MESSAGE).decode(errors="replace")
            raise _failure(arguments, process.returncode, stderr=text, directory=cwd)


def _environment(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return git's environment: the inherited one, without what leads git elsewhere, and `variables`."""
    environment = dict(os.environb)  # as bytes, which need not be decoded and encoded again for each git
    for name in _UNSET:
        environment.pop(os.fsencode(name), None)
    for key, value in (_VARIABLES | dict(variables)).items():
        environment[os.fsencode(key)] = os.fsencode(value)
    return environment


def disable_hooks(keys: Iterable[str]) -> list[str]:
    """Return options that disable each hook among the keys of a configuration by its name, for git 2.54."""
    names = {key.split(".", 1)[1].rpartition(".")[0] for key in keys if key.startswith("hook.")}
    # A "=" would end the key.
    usable = [name for name in sorted(names) if name and "=" not in name]
    return [word for name in usable for word in ("-c", f"hook.{name}.enabled=false")]


def become(*arguments: str, environment: Mapping[str, str]) -> NoReturn:
    """Let git take the place of this process, with its standard streams, and with this environment alone.

    For services that git offers to others. Raises `GitstoreError` if git is not installed.
    """
    with _explain_failed_start(Path()):
        os.execvpe("git", ["git", *arguments], dict(environment))  # noqa: S606 - without a shell on purpose


def environment_variable(name: str) -> str | None:
    """Return the value of an environment variable that git reads."""
    return os.environ.get(name)


def copy_variables() -> dict[str, str]:
    """Return the environment variables of this process, for programs that other rooms start."""
    return dict(os.environ)


def read_line(*arguments: str, cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """Return the one line that a git command prints, without its end. Raises like `run`."""
    return run(*arguments, cwd=cwd, variables=variables).decode(errors="surrogateescape").rstrip("\n")


@contextmanager
def _explain_failed_start(cwd: Path) -> Iterator[None]:
    """Raise `GitstoreError` with the reason if git cannot be started at all."""
    try:
        yield
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise GitstoreError(f"{cwd}: there is no such directory") from error
        raise GitstoreError("git is not installed, or not on PATH", "install git 2.39 or newer") from error


def nearest_directory(path: Path) -> Path:
    """Return where git can run for a directory that may not exist yet: in it, or in the nearest one above."""
    return next(directory for directory in (path, *path.parents) if directory.is_dir())
