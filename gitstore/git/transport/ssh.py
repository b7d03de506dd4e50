"""Running a command on another machine with the ssh that git would start for a URL there.

Which program that is, and how it takes a port, is in the variables GIT_SSH_COMMAND, GIT_SSH and
GIT_SSH_VARIANT and in core.sshCommand and ssh.variant: git-config(1), connect.c of git.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath
from typing import IO, NamedTuple

from gitstore.errors import GitstoreError
from gitstore.git.config import GitConfig
from gitstore.git.process import Completed, environment_variable
from gitstore.git.repository import Repository
from gitstore.git.transport.address import GitAddress

UNREACHABLE = 255
"""The exit code of ssh if it could not connect; otherwise it exits as the command there."""

_LONGEST = 64 * 1024
"""The most bytes of an answer, and of messages beside it, that are read."""

_PIPE = subprocess.PIPE

_VARIABLES = ("GIT_SSH_COMMAND", "GIT_SSH", "GIT_SSH_VARIANT")

_PORT = {"ssh": "-p", "plink": "-P", "putty": "-P", "tortoiseplink": "-P"}
"""The options for a port, by variants of ssh."""

_OTHER_VARIANTS = ("auto", "simple")
_BY_NAME = {"ssh": "ssh", "plink": "plink", "tortoiseplink": "tortoiseplink"}


class SshProgram(NamedTuple):
    """The program that git starts for ssh: as a line for a shell, and as words.

    `variant` is what git takes it for, or `auto` if git has to ask it.
    """

    line: str
    words: Sequence[str]
    variant: str


def run_there(
    repository: Repository,
    address: GitAddress,
    words: Sequence[str],
    *,
    variables: Mapping[str, str] | None = None,
) -> Completed:
    """Run a command on the host of an address, without input, and return what it gave.

    `variables` are those of a git that connects there; the others come from this process.
    The other side gets the words quoted for a shell, and 64 KiB of its answer are read. ssh may ask for a
    password on the terminal. Raises `GitstoreError` for an address that ssh must not get, and if ssh cannot
    be started.
    """
    if not address.host or address.host.startswith("-"):
        raise GitstoreError(f"{address.host!r} cannot be a host: ssh would read it as an option")
    if address.port is not None and not address.port.isdigit():
        raise GitstoreError(f"{address.port!r} is not the number of a port")
    program = find_program(repository.git_config, variables or {})
    variant = program.variant
    if variant == "auto":  # as git finds out whether it is an OpenSSH
        options = _list_options("ssh", address.port)
        detected = _start(repository, [*program.words, "-G", *options, address.host])
        variant = "simple" if detected.returncode else "ssh"
    options = _list_options(variant, address.port)
    return _start(repository, [*program.words, *options, address.host, shlex.join(words)])


def find_program(config: GitConfig, variables: Mapping[str, str]) -> SshProgram:
    """Return the ssh that git would start, by its configuration, `variables` and those of this process."""
    asked = {name: variables.get(name) or environment_variable(name) for name in _VARIABLES}
    command = asked["GIT_SSH_COMMAND"] or config.text("core.sshcommand")
    path = asked["GIT_SSH"] or "ssh"
    line = command or shlex.quote(path)
    # What the user configured is a line for a shell. What follows it are arguments, which no shell reads.
    words = ["sh", "-c", f'{command} "$@"', command] if command else [path]
    variant = asked["GIT_SSH_VARIANT"] or config.text("ssh.variant") or None
    if variant is None:
        return SshProgram(line, words, _guess_variant(line))
    return SshProgram(line, words, variant if variant in (*_PORT, *_OTHER_VARIANTS) else "ssh")


def _guess_variant(command: str) -> str:
    """Return the variant that git takes a program for, by its name."""
    try:
        program = shlex.split(command)[0]
    except (ValueError, IndexError):
        return "auto"
    return _BY_NAME.get(PurePath(program).name.lower().removesuffix(".exe"), "auto")


def _list_options(variant: str, port: str | None) -> list[str]:
    options = ["-batch"] if variant == "tortoiseplink" else []
    if port is None:
        return options
    if variant not in _PORT:
        raise GitstoreError(
            "this ssh cannot be given a port", "git config ssh.variant says what kind of ssh it is"
        )
    return [*options, _PORT[variant], port]


def _start(repository: Repository, words: Sequence[str]) -> Completed:
    try:
        process = subprocess.Popen(
            words, cwd=repository.directory, stdin=subprocess.DEVNULL, stdout=_PIPE, stderr=_PIPE
        )
    except OSError as error:
        raise GitstoreError(
            f"{words[0]} cannot be started: {error.strerror}",
            "install OpenSSH, or name another ssh with git config core.sshCommand",
        ) from error
    with process, ThreadPoolExecutor(2) as threads:
        stdout, stderr = threads.map(_read_answer, (process.stdout, process.stderr))
    return Completed(process.returncode, stdout, stderr.decode(errors="replace"))


def _read_answer(pipe: IO[bytes]) -> bytes:
    """Return what a pipe gives. One that gives too much is closed, which ends the process behind it."""
    with pipe:
        return pipe.read(_LONGEST)
