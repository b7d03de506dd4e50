"""A real Apache on loopback that runs a store as docs/store.md says, as an ordinary user."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest

from gitstore.store.store import Store

_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
_MODULES = ("lib/apache2/modules", "lib64/httpd/modules", "lib/apache2", "lib64/apache2")
_NEEDED = ("authn_core", "authz_core", "authz_user", "authn_file", "auth_basic", "alias")
_OPTIONAL = ("mpm_event", "cgid", "unixd")
"""Those that some builds have inside."""

_CONFIGURATION = """\
ServerRoot {directory}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {directory}/pid
ErrorLog /dev/stderr
{modules}
ScriptSock {directory}/socket
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory {directory}/cgi-bin>
    Require all granted
</Directory>
{documented}
"""


@contextmanager
def running(store: Store, directory: Path, users: Iterable[str]) -> Iterator[str]:
    """Run an Apache whose files are in a new directory. Gives the URL of the store, without a user.

    Each user's password is `secret`. Skips the test where there is no Apache that could be started.
    """
    program, modules = _find_apache()
    become = _find_way_to_be_ordinary()
    directory.mkdir()
    (directory / "cgi-bin").mkdir()
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    _write_executable(
        directory / "cgi-bin" / "gitstore-store",
        f"#!/bin/sh\nexec {sys.executable} -Pm gitstore.cli store http-backend --store '{store.root}'\n",
    )
    secret = base64.b64encode(hashlib.sha1(b"secret", usedforsecurity=False).digest()).decode()
    (directory / "passwords").write_text("".join(f"{user}:{{SHA}}{secret}\n" for user in users))
    loaded = [f"LoadModule {name}_module {path}" for name, path in modules.items()]
    configuration = directory / "httpd.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            directory=directory, port=port, modules="\n".join(loaded), documented=read_documented(directory)
        )
    )
    command = [*become, program, "-DFOREGROUND", "-f", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stderr is not None
            _wait_until_it_listens(process.stderr)
            yield f"http://127.0.0.1:{port}/models"
        finally:
            os.killpg(process.pid, 15)


def read_documented(directory: Path) -> str:
    """The lines of docs/store.md, with the places of the test."""
    text = (Path(__file__).parents[2] / "docs" / "store.md").read_text()
    block = re.search(r"^    ScriptAlias (?:.*\n(?:    |\n))*", text, re.MULTILINE)
    assert block is not None
    lines = block[0].replace("/usr/lib/cgi-bin/", f"{directory}/cgi-bin/")
    return lines.replace("/etc/apache2/models.htpasswd", f"{directory}/passwords")


def _find_apache() -> tuple[str, Mapping[str, Path]]:
    path = f"{os.environ.get('PATH', '')}:{_SBIN}"
    program = shutil.which("apache2", path=path) or shutil.which("httpd", path=path)
    if program is None:
        pytest.skip("Apache is not installed; apache2-bin or httpd has it")
    folders = [Path(program).resolve().parents[1] / name for name in _MODULES]
    found = {name: path for name in (*_NEEDED, *_OPTIONAL) for path in _find_module(folders, name)}
    if not found.keys() >= set(_NEEDED):
        pytest.skip(f"Apache's modules are not where they usually are: beside {program}")
    return program, found


def _find_module(folders: Iterable[Path], name: str) -> list[Path]:
    return [path for folder in folders if (path := folder / f"mod_{name}.so").exists()][:1]


def _find_way_to_be_ordinary() -> list[str]:
    """Apache does not serve as root. In a namespace where root has another name, it reads root's files."""
    if os.geteuid() != 0:
        return []
    command = ["unshare", "--user", "--map-user=33", "--map-group=33"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("Apache does not run as root, and there are no user namespaces here")
    return command


def _write_executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _wait_until_it_listens(stderr: IO[str]) -> None:
    lines = []
    for line in stderr:
        lines.append(line)
        if "resuming normal operations" in line:
            threading.Thread(target=stderr.read, daemon=True).start()
            return
    pytest.fail(f"Apache did not start: {''.join(lines)}")
