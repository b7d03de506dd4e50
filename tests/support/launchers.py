"""Warm launchers in a thread of the tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from gitstore.launchers.directory import LauncherDirectory, describe
from gitstore.launchers.server import Keeper, Server
from gitstore.models.snapshot import Snapshot
from gitstore.run.evaluation import LocalLauncher
from tests.support.models import user_launcher


@contextmanager
def serving(
    directory: LauncherDirectory,
    snapshot: Snapshot,
    *,
    launcher: LocalLauncher | None = None,
    idle_limit: float = 60,
) -> Iterator[threading.Thread]:
    """A server in a thread of ours, which has ended when the block has."""
    open_model = partial((launcher or user_launcher()).open_warm, snapshot)
    ready = threading.Event()
    servers: list[Server] = []
    failures: list[Exception] = []

    def serve() -> None:
        try:
            answer()
        except Exception as error:
            failures.append(error)
            ready.set()

    def answer() -> None:
        with (
            directory.claim(describe(snapshot, idle_limit=idle_limit)) as claim,
            Keeper(open_model) as keeper,
            claim.listen() as listener,
        ):
            servers.append(Server(keeper, idle_limit=idle_limit))
            ready.set()
            servers[0].run(listener)

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(30)
    if failures:
        thread.join(30)
        raise failures[0]
    try:
        yield thread
    finally:
        servers[0].stop()
        thread.join(30)
        assert not thread.is_alive()
