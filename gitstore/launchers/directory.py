"""The directory of the user's warm launchers, in which servers and clients find each other.

DIRECTORY/ID/socket     where the server of a snapshot listens; ID begins its tag's object id
DIRECTORY/ID/about.json what it serves

A server holds a lock on its directory while it lives. So one snapshot has one server, and what a killed
server left behind is known by its free lock.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gitstore.disk import locks
from gitstore.disk.atomic import replace_file
from gitstore.disk.directories import remove_tree
from gitstore.errors import GitstoreError
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid
from gitstore.run.cache.cache import Cache

_SOCKET, _ABOUT = "socket", "about.json"
_ID_LENGTH = 16
_BACKLOG = 128
_PATIENCE, _PAUSE = 1.0, 0.01
"""The seconds that another process may have a lock without serving, and those between two looks."""


class NotServed(GitstoreError):
    """No warm launcher serves this snapshot."""

    kind = "not_served"


class AlreadyServed(GitstoreError):
    """Another warm launcher serves this snapshot."""

    kind = "already_served"


class About(msgspec.Struct, frozen=True):
    """What a warm launcher serves. `started` is in seconds since the epoch, `idle_limit` in seconds.

    `environment`, `unlocked` and `sandbox` are those of `Workplace.describe`.
    """

    snapshot: str
    tag: str
    repository: str
    process: int
    started: float
    idle_limit: float
    environment: str | None = None
    unlocked: bool = False
    sandbox: dict[str, Any] = {}


@dataclass(frozen=True)
class WarmEntry:
    """A running launcher. `about` is `None` while it starts."""

    id: str
    about: About | None


def describe(snapshot: Snapshot, *, idle_limit: float) -> About:
    """Describe a launcher of this process, which starts now."""
    return About(
        snapshot=snapshot.full_name,
        tag=str(snapshot.tag_oid),
        repository=str(snapshot.repository.directory),
        process=os.getpid(),
        started=time.time(),
        idle_limit=idle_limit,
    )


def identify(tag: str) -> str:
    """Return the id of the launcher of a snapshot, whose tag has this object id."""
    return str(Oid.parse(tag))[:_ID_LENGTH]


def find_launchers(cache: Cache) -> LauncherDirectory:
    """Return the directory of the user's launchers, which lies in the user's cache."""
    return LauncherDirectory(cache.directory / "launchers")


@dataclass(frozen=True)
class Claim:
    """A place that this process holds, to serve a snapshot there."""

    place: Path
    about: About

    @contextmanager
    def listen(self, about: About | None = None) -> Iterator[socket.socket]:
        """Listen for clients until the block ends. `about` has what was not known at first."""
        with socket.socket(socket.AF_UNIX) as listener, _short_path(self.place) as short:
            listener.bind(short)
            listener.listen(_BACKLOG)
            replace_file(self.place / _ABOUT, msgspec.json.encode(about or self.about))
            yield listener


@dataclass(frozen=True)
class LauncherDirectory:
    """The directory of the warm launchers of one user, who alone can enter it."""

    path: Path

    @contextmanager
    def claim(self, about: About) -> Iterator[Claim]:
        """Hold the place of a snapshot until the block ends, so that nobody else serves it.

        Raises `AlreadyServed` if another process does.
        """
        place = self._find_place(about.tag)
        deadline = time.monotonic() + _PATIENCE
        while True:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locks.directory(place) as ours:
                if ours:
                    yield from _hold(place, about)
                    return
            # Who lists the launchers has the lock for an instant, and removes what nobody holds.
            if time.monotonic() > deadline or self._is_answered(place):
                raise AlreadyServed(
                    f"a warm launcher serves {about.snapshot} already",
                    f"gitstore launcher stop {place.name} stops it",
                )
            time.sleep(_PAUSE)

    def connect(self, snapshot: Snapshot) -> socket.socket:
        """Connect to the launcher that serves a snapshot. Raises `NotServed`."""
        with suppress(OSError):
            return self._connect(self._find_place(str(snapshot.tag_oid)))
        raise NotServed(
            f"no warm launcher serves {snapshot.full_name}",
            f"gitstore serve-model {snapshot.short_name} starts one",
        )

    def connect_by_id(self, identity: str) -> socket.socket:
        """Connect to the launcher of an entry. Raises `NotServed`."""
        with suppress(OSError):
            return self._connect(self.path / identity)
        raise NotServed(f"the warm launcher {identity} does not answer", "gitstore launcher list")

    def list_entries(self) -> list[WarmEntry]:
        """Return the running launchers, by id. What killed ones left behind is removed."""
        entries = []
        for place in sorted(self.path.glob("*")) if self.path.is_dir() else []:
            with suppress(FileNotFoundError), locks.directory(place) as free:
                if free:
                    remove_tree(place)
                else:
                    entries.append(WarmEntry(place.name, _read_about(place)))
        return entries

    def wait_for_end(self, identity: str) -> None:
        """Wait until a launcher that was asked to stop has ended."""
        with suppress(FileNotFoundError), locks.directory(self.path / identity, wait=True):
            pass

    def _is_answered(self, place: Path) -> bool:
        """Whether a server listens in a place."""
        try:
            self._connect(place).close()
        except OSError:
            return False
        return True

    def _find_place(self, tag: str) -> Path:
        return self.path / identify(tag)

    @staticmethod
    def _connect(place: Path) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            with _short_path(place) as short:
                connection.connect(short)
        except BaseException:
            connection.close()
            raise
        return connection


def _hold(place: Path, about: About) -> Iterator[Claim]:
    """Yield a claim to a place whose lock this process has, and leave nothing there in the end."""
    for name in (_SOCKET, _ABOUT):
        (place / name).unlink(missing_ok=True)
    try:
        yield Claim(place, about)
    finally:
        remove_tree(place)


def _read_about(place: Path) -> About | None:
    try:
        return msgspec.json.decode((place / _ABOUT).read_bytes(), type=About)
    except (OSError, msgspec.DecodeError):
        return None


@contextmanager
def _short_path(place: Path) -> Iterator[str]:
    """Provide a path of the socket in `place` that fits into an address, which holds 107 bytes."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        through = Path(f"/proc/self/fd/{descriptor}")
        yield str((through if through.exists() else place) / _SOCKET)
    finally:
        os.close(descriptor)
