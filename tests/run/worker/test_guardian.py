"""The guardian: what a worker starts ends with it, as root and as an ordinary user, in a namespace or not."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitstore.run.worker import guardian
from tests.run.conftest import Lab
from tests.support import combinations

NOBODY = 65534
DUMPABLE = 4  # prctl(2): who changed its user without exec may not write its own uid_map

# Two sleepers, one in a session of its own, and their parent, which all run when the substitution ends.
SLEEPERS = "setsid sleep 600 >/dev/null & sleep 600 >/dev/null & exec >/dev/null; wait"
DAEMON = f": $(setsid sh -c '{SLEEPERS}' &); exit 3"


@pytest.fixture(params=["root", "user"])
def user(request: pytest.FixtureRequest) -> int:
    if os.geteuid():
        pytest.skip("only root can be both")
    return 0 if request.param == "root" else NOBODY


@pytest.fixture(params=["namespace", "subreaper"])
def isolated(request: pytest.FixtureRequest, user: int) -> bool:
    if request.param == "namespace" and not can_isolate(user):
        pytest.skip("this system allows no pid namespace")
    return bool(request.param == "namespace")


def in_child(user: int, action: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if user:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
                guardian._prctl(DUMPABLE, 1)
            os._exit(0 if action() else 1)
        finally:
            os._exit(99)
    return child


def can_isolate(user: int) -> bool:
    ready = in_child(
        user, lambda: guardian._isolate() and guardian._succeeds(lambda: guardian._mount_all("/none"))
    )
    return os.waitpid(ready, 0)[1] == 0


class Guarded:
    """A guardian with a shell for a worker. The pipe and the socket are those that gitstore has."""

    def __init__(self, user: int, script: str, read_only: Path, *, isolated: bool) -> None:
        control, self.control = os.pipe()
        self.socket, theirs = socket.socketpair()
        theirs.set_inheritable(True)

        def main() -> None:
            os.close(self.control)
            self.socket.close()
            if not isolated:
                guardian._isolate = lambda: False  # type: ignore[assignment]
            command = ["/bin/sh", "-c", script]
            guardian.main([str(control), str(theirs.fileno()), str(read_only), *command])

        self.pid = in_child(user, main)
        os.close(control)
        theirs.close()

    def wait(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.close()
        return code

    def close(self) -> None:
        self.socket.close()
        if self.control >= 0:
            os.close(self.control)
            self.control = -1


Start = Callable[[str], Guarded]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that everybody may write to, and that is the current one."""
    place = tmp_path / "place"
    place.mkdir()
    for path in (place, *tmp_path.parents, tmp_path):
        if path.stat().st_mode & 0o005 != 0o005 and path.is_relative_to(tmp_path.parents[1]):
            path.chmod(0o755)
    place.chmod(0o777)
    return place


@pytest.fixture
def start(
    user: int, isolated: bool, place: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    monkeypatch.chdir(place)
    yield lambda script: Guarded(user, script, place, isolated=isolated)
    assert lab.living() == []


@combinations.sample(2)
def test_a_daemon_ends_with_the_worker(start: Start) -> None:
    assert start(DAEMON).wait() == 3


@combinations.sample(2)
def test_all_ends_when_gitstore_is_gone(start: Start) -> None:
    guarded = start("trap '' TERM HUP; setsid sleep 600 & sleep 600")
    os.close(guarded.control)
    guarded.control = -1
    assert guarded.wait() == -signal.SIGKILL


@combinations.sample(2)
def test_a_signal_is_passed_on(start: Start) -> None:
    assert start("kill -SEGV $$").wait() == -signal.SIGSEGV


@combinations.sample(2)
def test_in_a_namespace_nothing_else_is_seen_and_the_cache_is_read_only(
    start: Start, isolated: bool, place: Path
) -> None:
    """Not even for root, who may write everything."""
    if not isolated:
        pytest.skip("that is what a namespace is for")
    script = (
        f"(: > {place}/written) 2>/dev/null && exit 4; kill -0 {os.getpid()} 2>/dev/null && exit 5; exit 0"
    )
    assert start(script).wait() == 0
    assert list(place.iterdir()) == []
    (place / "written").touch()  # nothing of that is mounted here
