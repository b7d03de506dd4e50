"""Warm launchers: a server, its clients, and the directory in which they find each other."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gitstore.errors import CodeTerminated, GitstoreError, InvalidInput, LauncherTerminated, ModelException
from gitstore.launchers import answers
from gitstore.launchers.client import Client, WarmLauncher
from gitstore.launchers.directory import AlreadyServed, LauncherDirectory, NotServed, describe
from gitstore.launchers.server import Keeper
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run.evaluation import LocalLauncher
from gitstore.run.interrupts import Interrupts
from gitstore.run.worker import wire
from tests.support.launchers import serving
from tests.support.models import make, put, take, user_conditions, user_launcher

ONE = {"values": np.array([1.0])}

CODE = """
import os
from pathlib import Path


class Model:
    def __init__(self, state: Path) -> None:
        self.calls = 0

    def evaluate(self, values):
        self.calls += 1
        if values[0] == 3:
            raise ValueError("three")
        if values[0] == 4:
            os._exit(4)
        return {"products": values * self.calls}
"""


@pytest.fixture
def v1(tmp_path: Path) -> Snapshot:
    model = make(tmp_path / "digits")
    put(model, "initial", {"w.bin": b"weights"})
    (model.directory / "code" / "model.py").write_text(CODE)
    return take(model, "v1")


@pytest.fixture
def directory(tmp_path: Path) -> LauncherDirectory:
    return LauncherDirectory(tmp_path / "launchers")


def test_a_snapshot_that_nobody_serves(directory: LauncherDirectory, v1: Snapshot) -> None:
    with pytest.raises(NotServed) as caught:
        WarmLauncher(directory).evaluate(v1, ONE)
    assert caught.value.hint == "gitstore serve-model v1 starts one"
    assert directory.list_entries() == []
    with pytest.raises(NotServed):
        directory.connect_by_id("0" * 16)


def test_the_model_stays_between_clients(directory: LauncherDirectory, v1: Snapshot) -> None:
    with serving(directory, v1):
        launcher = WarmLauncher(directory)
        values = [launcher.evaluate(v1, ONE).outputs["products"].item() for _ in range(3)]
        assert values == [1, 2, 3]
        (entry,) = directory.list_entries()
        assert entry.about is not None
        assert (entry.about.snapshot, entry.about.tag) == ("digits@v1", str(v1.tag_oid))
        with directory.connect_by_id(entry.id) as connection:
            status = Client(connection).ask_status()
        assert status["answered"] == 3
        assert 0 < status["remaining"] <= 60
    assert directory.list_entries() == []
    with pytest.raises(NotServed):
        launcher.evaluate(v1, ONE)


def test_failures_are_those_of_the_model_and_it_goes_on(directory: LauncherDirectory, v1: Snapshot) -> None:
    with serving(directory, v1):
        launcher = WarmLauncher(directory)
        with pytest.raises(ModelException) as raised:
            launcher.evaluate(v1, {"values": np.array([3.0])})
        assert raised.value.phase == "evaluate"
        assert 'raise ValueError("three")' in raised.value.traceback
        with pytest.raises(InvalidInput) as invalid:
            launcher.evaluate(v1, {"other": np.array([1.0])})
        assert len(invalid.value.problems) == 2
        assert launcher.evaluate(v1, ONE).outputs["products"].item() == 2
        with pytest.raises(CodeTerminated) as ended:
            launcher.evaluate(v1, {"values": np.array([4.0])})
        assert ended.value.returncode == 4
        # Another process has a model that nobody has called yet.
        assert launcher.evaluate(v1, ONE).outputs["products"].item() == 1


def test_one_server_for_a_snapshot(directory: LauncherDirectory, v1: Snapshot) -> None:
    with (
        serving(directory, v1),
        pytest.raises(AlreadyServed),
        directory.claim(describe(v1, idle_limit=60)),
    ):
        pass


def test_what_a_killed_server_left_is_no_obstacle(
    directory: LauncherDirectory, v1: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = directory.path / str(v1.tag_oid)[:16]
    place.mkdir(parents=True)
    monkeypatch.chdir(place)  # the whole path may be too long for an address
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind("socket")
    (place / "about.json").write_text("{")
    with pytest.raises(NotServed):
        WarmLauncher(directory).evaluate(v1, ONE)
    with serving(directory, v1):
        assert WarmLauncher(directory).evaluate(v1, ONE).outputs["products"].item() == 1
    place.mkdir()
    assert directory.list_entries() == []
    assert not place.exists()


def test_a_long_path_is_no_obstacle(tmp_path: Path, v1: Snapshot) -> None:
    directory = LauncherDirectory(tmp_path / ("long" * 30) / "launchers")
    with serving(directory, v1):
        assert WarmLauncher(directory).evaluate(v1, ONE).outputs["products"].item() == 1


def test_it_ends_when_nobody_asks(directory: LauncherDirectory, v1: Snapshot) -> None:
    with serving(directory, v1, idle_limit=0.3) as thread:
        WarmLauncher(directory).evaluate(v1, ONE)
        thread.join(30)
        assert not thread.is_alive()


def test_a_client_can_stop_it(directory: LauncherDirectory, v1: Snapshot) -> None:
    with serving(directory, v1) as thread:
        (entry,) = directory.list_entries()
        with directory.connect_by_id(entry.id) as connection:
            Client(connection).stop()
        directory.wait_for_end(entry.id)
        thread.join(30)
        assert not thread.is_alive()


def test_strange_clients_do_no_harm(directory: LauncherDirectory, v1: Snapshot) -> None:
    with serving(directory, v1):
        for junk in (b"", b"\xff" * 64, b"\x02\0\0\0{}"):
            with directory.connect(v1) as connection, suppress(OSError):
                connection.sendall(junk)
        with directory.connect(v1) as connection:
            channel = wire.Channel(connection)
            channel.send("dance")
            with pytest.raises(wire.Closed):
                channel.receive()
        assert WarmLauncher(directory).evaluate(v1, ONE).outputs["products"].item() == 1


def test_a_launcher_that_ends_before_it_answers(directory: LauncherDirectory, v1: Snapshot) -> None:
    with directory.claim(describe(v1, idle_limit=60)) as claim, claim.listen() as listener:
        closing = threading.Thread(target=lambda: listener.accept()[0].close())
        closing.start()
        with pytest.raises(LauncherTerminated):
            WarmLauncher(directory).evaluate(v1, ONE)
        closing.join()


def test_every_failure_crosses_the_socket() -> None:
    ends = socket.socketpair()
    ours, theirs = map(wire.Channel, ends)
    failures: list[GitstoreError] = [
        InvalidInput(["a: one", "b: two"], "a hint"),
        ModelException("evaluate: no", phase="evaluate", traceback="Traceback"),
        CodeTerminated("ended", phase="evaluate", returncode=None, signal=9),
        AlreadyServed("a class that is not among the shared ones"),
    ]
    for error in failures:
        answers.send_failure(ours, error)
        with pytest.raises(GitstoreError) as caught:
            answers.receive_answer(theirs)
        assert (caught.value.message, caught.value.hint) == (error.message, error.hint)
        if not isinstance(error, AlreadyServed):
            assert type(caught.value) is type(error)
            assert caught.value.details() == error.details()
    for end in ends:
        end.close()


def test_a_model_that_cannot_be_instantiated(directory: LauncherDirectory, v1: Snapshot) -> None:
    model = Model.open(v1.repository.directory)
    (model.directory / "code" / "model.py").write_text("raise ValueError('no')")
    v2 = take(model, "v2")
    with pytest.raises(ModelException), Keeper(partial(user_launcher().open_warm, v2)):
        pass


def test_ctrl_c_need_not_wait_for_a_model_that_loads(v1: Snapshot) -> None:
    model = Model.open(v1.repository.directory)
    code = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"
    (model.directory / "code" / "model.py").write_text(code)
    slow, interrupts = take(model, "slow"), Interrupts()
    reading_end, writing_end = os.pipe()

    def interrupt() -> None:
        os.read(reading_end, 10)
        os.kill(os.getpid(), signal.SIGINT)

    launcher = LocalLauncher(replace(user_conditions(), output=writing_end), interrupts)
    thread = threading.Thread(target=interrupt)
    thread.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Keeper(partial(launcher.open_warm, slow), interrupts=interrupts):
        pass
    assert time.monotonic() - start < 30  # and not the minute that loading may take
    thread.join()
    os.close(reading_end)
    os.close(writing_end)
