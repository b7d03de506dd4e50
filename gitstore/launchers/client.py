"""The client of a warm launcher."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from gitstore.errors import LauncherTerminated
from gitstore.launchers import answers
from gitstore.launchers.directory import About, LauncherDirectory, NotServed
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.run.supervisor import Evaluation
from gitstore.run.worker import wire
from gitstore.run.worker.tensors import Value


class Client:
    """A connection to a warm launcher. One thread at a time may use it."""

    def __init__(self, connection: socket.socket) -> None:
        self._channel = wire.Channel(connection)

    def evaluate(self, inputs: Mapping[str, Value]) -> Evaluation:
        """Evaluate inputs that have the types of the settings.

        Raises InvalidInput, and OperationFailed as if the model ran here.
        """
        with _explaining_end():
            self._channel.send("evaluate", inputs)
            return answers.receive_answer(self._channel)

    def ask_status(self) -> dict[str, Any]:
        """Return how many evaluations were answered, and the seconds that remain without another one."""
        with _explaining_end():
            self._channel.send("status")
            return self._channel.receive().fields

    def stop(self) -> None:
        """Ask the launcher to end, after the evaluations that run."""
        with _explaining_end():
            self._channel.send("stop")
            self._channel.receive()


@dataclass(frozen=True)
class WarmLauncher:
    """Evaluates snapshots on the warm launchers of a directory."""

    directory: LauncherDirectory

    def evaluate(
        self,
        snapshot: Snapshot,
        inputs: Mapping[str, Value],
        *,
        progress: Progress = lambda _: None,  # noqa: ARG002
    ) -> Evaluation:
        """Evaluate inputs. Raises `NotServed`, and like `Client.evaluate`."""
        with self.directory.connect(snapshot) as connection:
            return Client(connection).evaluate(inputs)


@dataclass(frozen=True)
class WarmStatus:
    """A running launcher, and how many evaluations it has answered.

    It ends in `remaining` seconds if nobody asks. `about` is `None` while it starts.
    """

    id: str
    about: About | None
    answered: int
    remaining: float


def list_statuses(directory: LauncherDirectory) -> list[WarmStatus]:
    """Return the running launchers, by id."""
    statuses = []
    for entry in directory.list_entries():
        fields: dict[str, Any] = {"answered": 0, "remaining": 0.0}
        with suppress(NotServed, LauncherTerminated), directory.connect_by_id(entry.id) as connection:
            fields = Client(connection).ask_status()
        statuses.append(WarmStatus(entry.id, entry.about, fields["answered"], fields["remaining"]))
    return statuses


def stop_launcher(directory: LauncherDirectory, identity: str) -> None:
    """Stop a launcher, and wait for its end. Evaluations that run are finished. Raises `NotServed`."""
    with directory.connect_by_id(identity) as connection:
        Client(connection).stop()
    directory.wait_for_end(identity)


@contextmanager
def _explaining_end() -> Iterator[None]:
    """Raise a typed error if the launcher ends before it answers."""
    try:
        yield
    except wire.Closed as error:
        raise LauncherTerminated(
            "evaluate: the warm launcher ended before it answered", phase="evaluate"
        ) from error
