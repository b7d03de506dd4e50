"""The ways into a store for ada: the path of its repositories, a web server, and a real sshd."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitstore.store import hooks
from gitstore.store.front import keys
from gitstore.store.store import Store
from tests.support import sshd, stores

USER = "ada"


@dataclass(frozen=True)
class Front:
    """A way into the store: URLs of models, the words before a verb, and the environment.

    `server` is the process that starts what serves a push; without it, the client does.
    """

    name: str
    prefix: str
    verb: tuple[str, ...]
    environment: Mapping[str, str]
    server: int | None = None

    def make_url(self, model: str) -> str:
        """The URL of a model OWNER/MODEL."""
        return f"{self.prefix}/{model}.git"


@contextmanager
def opened(store: Store, directory: Path) -> Iterator[dict[str, Front]]:
    """The fronts by their names: path, http, and ssh if it is installed. Only ssh has verbs of its own.

    `directory` is for the files of sshd.
    """
    verb = (hooks.find_python(), "-Pm", "gitstore.cli", "store")
    environment = {**os.environ, "GITSTORE_STORE": str(store.root)}
    with ExitStack() as stack:
        web = stack.enter_context(stores.web_server(store)).replace("//", f"//{USER}:secret@")
        fronts = {
            "path": Front("path", str(store.root), verb, environment),
            "http": Front("http", web, verb, environment, os.getpid()),
        }
        try:
            server = stack.enter_context(sshd.running(directory / "sshd"))
        except pytest.skip.Exception:
            yield fronts
        else:
            yield fronts | {"ssh": _let_in(store, server)}


def _let_in(store: Store, server: sshd.SshServer) -> Front:
    (store.keys_directory / f"{USER}.pub").write_text(server.make_key(USER) + "\n")
    keys.install(store, server.authorized_keys)
    ssh = server.command(USER)
    url = server.make_url("").rstrip("/")
    verb = (*ssh, "-p", str(server.port), url.removeprefix("ssh://").partition(":")[0])
    environment = {**os.environ, "GIT_SSH_COMMAND": shlex.join(ssh)}
    return Front("ssh", url, verb, environment, server.process)
