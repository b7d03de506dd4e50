"""One ssh connection for all that git does with another repository, by ssh_config(5): ControlMaster.

The first git that connects leaves its connection in the background, and the next ones go through it. A person
types a password or touches a key once, and nobody waits for the same handshake again.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from gitstore.errors import GitstoreError
from gitstore.git.config import GitConfig
from gitstore.git.transport.ssh import SshProgram, find_program
from gitstore.url import is_ssh

KEY = "gitstore.shareConnection"
"""The setting of git's configuration that says whether connections are shared. They are by default."""

_IDLE = 10
"""Seconds after which a connection that nobody uses is closed, if nobody did that before."""

_USABLE = re.compile(r"[\w./-]{1,45}")
"""Directories for a socket, whose path may have 104 bytes: ssh adds 41 for the host, 17 while it makes it."""

_PATIENCE = 5.0
"""Seconds that ssh has to answer about itself; it takes milliseconds."""


@contextmanager
def sharing(url: str, read_config: Callable[[], GitConfig]) -> Iterator[Mapping[str, str]]:
    """Yield variables with which each git in the block uses one connection to a URL. Its end closes that.

    There are none where the URL is not for ssh, `KEY` is false, and where ssh is not OpenSSH, shares
    connections by the user's own configuration, or prints what it does for debugging. git's configuration is
    only read for ssh. Raises `GitstoreError` if `KEY` is neither true nor false.
    """
    program = _find_program(read_config()) if is_ssh(url) else None
    if program is None or not _may_share(program, url):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="gitstore-") as name:
        if _USABLE.fullmatch(name) is None:
            yield {}
            return
        options = ("ControlMaster=auto", f"ControlPath={name}/%C", f"ControlPersist={_IDLE}")
        line = " ".join([program.line, *(f"-o {option}" for option in options)])
        try:
            yield {"GIT_SSH_COMMAND": line, "GIT_SSH_VARIANT": "ssh"}
        finally:
            for socket in Path(name).iterdir():
                _ask(program, "-o", f"ControlPath={socket}", "-O", "exit", "--", "gitstore")


def _find_program(config: GitConfig) -> SshProgram | None:
    """Return an OpenSSH, if git's configuration says nothing against sharing its connections."""
    try:
        is_wanted = config.boolean(KEY.lower())
    except ValueError as error:
        raise GitstoreError(f"git's configuration: {KEY}: {error}") from error
    program = find_program(config, {})
    return program if is_wanted is not False and program.variant == "ssh" else None


def _may_share(program: SshProgram, url: str) -> bool:
    """Whether the user's configuration of ssh leaves it to us."""
    host, port = _find_host(url)
    if not host or host.startswith("-"):
        return False
    answer = _ask(program, "-G", *(("-p", port) if port else ()), "--", host)
    settings = dict(line.lower().partition(" ")[::2] for line in answer.splitlines())
    is_free = settings.get("controlpath", "none") == "none" and settings.get("controlmaster") == "false"
    return is_free and not settings.get("loglevel", "debug").startswith("debug")


def _find_host(url: str) -> tuple[str, str | None]:
    """Return the host of ssh://host:port/path or host:path, behind its user, and the port if there is one."""
    if "://" not in url:
        host, _, _ = url.removeprefix("[").partition("]" if url.startswith("[") else ":")
        return host, None
    with suppress(ValueError):
        parts = urlsplit(url)
        user = f"{parts.username}@" if parts.username else ""
        return f"{user}{parts.hostname or ''}", str(parts.port) if parts.port else None
    return "", None


def _ask(program: SshProgram, *words: str) -> str:
    """Return what ssh prints; nothing if it fails."""
    with suppress(OSError, subprocess.TimeoutExpired):
        command = [*program.words, *words]
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_PATIENCE
        )
        return answer.stdout.decode(errors="replace") if answer.returncode == 0 else ""
    return ""
