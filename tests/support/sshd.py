"""A real sshd on loopback, as the user of the tests, with keys and a configuration of its own."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import pytest

_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
_PRIVILEGES = Path("/run/sshd")
"""The empty directory that sshd wants if root starts it. It is built in, and usually made at the boot."""

_CONFIGURATION = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitUserEnvironment no
AcceptEnv GIT_PROTOCOL
MaxStartups 200
# else bash, if sshd runs it, reads the user's ~/.bashrc first
SetEnv SHLVL=2
KexAlgorithms curve25519-sha256
PrintMotd no
PrintLastLog no
UseDNS no
"""


class SshServer(NamedTuple):
    """A running sshd. `directory` has its `authorized_keys` and the private key `client` of the user."""

    directory: Path
    port: int
    process: int

    @property
    def authorized_keys(self) -> Path:
        return self.directory / "authorized_keys"

    def make_url(self, path: Path | str) -> str:
        """The URL of a repository."""
        return f"ssh://{_user()}@127.0.0.1:{self.port}/{str(path).removeprefix('/')}"

    def make_key(self, name: str) -> str:
        """Make another key, and return the line of its public half."""
        _make_key(self.directory / name)
        return (self.directory / f"{name}.pub").read_text().strip()

    def command(self, key: str = "client") -> list[str]:
        """The words of an ssh that knows the server, and uses the key of this name."""
        options = [
            "IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={self.directory}/known_hosts", "LogLevel=ERROR",
        ]  # fmt: skip
        words = ["ssh", "-F", "/dev/null", "-i", str(self.directory / key)]
        return [*words, *(word for option in options for word in ("-o", option))]


def skip_without_sshd() -> None:
    """Skip the test, with the reason, where there is no sshd that could be started."""
    if _find_sshd() is None or shutil.which("ssh") is None:
        pytest.skip("sshd and ssh are not installed; openssh-server and openssh-client have them")
    if os.geteuid() == 0 and not _PRIVILEGES.is_dir():
        try:
            _PRIVILEGES.mkdir(mode=0o755)
        except OSError as error:
            pytest.skip(f"sshd needs {_PRIVILEGES}, which cannot be made: {error.strerror}")


@contextmanager
def running(directory: Path, *, settings: str = "") -> Iterator[SshServer]:
    """Run an sshd whose files are in a new directory, and let git use it in this process.

    Its configuration has lines of `settings`, too.
    """
    skip_without_sshd()
    directory.mkdir(mode=0o700)
    for name in ("host", "client"):
        _make_key(directory / name)
    (directory / "authorized_keys").write_bytes((directory / "client.pub").read_bytes())
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    host = (directory / "host.pub").read_text()
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
    configuration = directory / "sshd_config"
    configuration.write_text(_CONFIGURATION.format(directory=directory, port=port) + settings)
    command = [str(_find_sshd()), "-D", "-e", "-f", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stderr is not None
            _wait_until_it_listens(process.stderr)
            server = SshServer(directory, port, process.pid)
            with _variable("GIT_SSH_COMMAND", shlex.join(server.command())):
                yield server
        finally:
            os.killpg(process.pid, 15)


@contextmanager
def ssh(repository: Path) -> Iterator[str]:
    """The URL of a bare repository behind sshd, which may be pushed to."""
    with running(repository.parent / "sshd") as server:
        yield server.make_url(repository)


def _wait_until_it_listens(stderr: IO[str]) -> None:
    lines = []
    for line in stderr:
        lines.append(line)
        if line.startswith("Server listening on"):
            threading.Thread(target=stderr.read, daemon=True).start()
            return
    pytest.fail(f"sshd did not start: {''.join(lines)}")


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _make_key(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def _find_sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:{_SBIN}")


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
