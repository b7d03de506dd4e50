"""What a model may use: it gets no more, whatever it does, and nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.errors import CodeTerminated, LauncherTerminated, ModelException
from gitstore.sandbox.limits import Limits
from tests.sandbox.conftest import MIB, Box, list_groups, list_processes
from tests.support import combinations


@pytest.fixture(autouse=True)
def nothing_is_left(box: Box) -> Iterator[None]:
    yield
    assert list_processes(box.root) == set()
    assert list_groups() == set()


EAT = """
    blocks = []
    while True:
        blocks.append(b"x" * (16 << 20))
"""

BOMBS = {
    "the model itself": EAT,
    "a child": """
        child = os.fork()
        blocks = []
        while child == 0:
            blocks.append(b"x" * (16 << 20))
        os.waitpid(child, 0)
        time.sleep(600)
    """,
    "a daemon": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                blocks = []
                while True:
                    blocks.append(b"x" * (16 << 20))
            os._exit(0)
        time.sleep(600)
    """,
    "many children": """
        for _ in range(32):
            if os.fork() == 0:
                block = b"x" * (32 << 20)
                time.sleep(600)
        time.sleep(600)
    """,
    "files in memory": """
        blocks = []
        while True:
            blocks.append(os.memfd_create("x"))
            os.write(blocks[-1], b"x" * (16 << 20))
    """,
    "an array": "np.ones(1 << 30).sum()",
}


@combinations.sample(3)
@pytest.mark.parametrize("bomb", BOMBS)
def test_too_much_memory(box: Box, bomb: str) -> None:
    box.write(evaluate=BOMBS[bomb])
    start = time.monotonic()
    error = box.fails("evaluate", CodeTerminated)
    assert (error.oom, error.disk_full, error.signal) == (True, False, signal.SIGKILL)
    assert error.phase == "evaluate"
    assert "memory" in error.message
    assert time.monotonic() - start < 30


def test_a_memory_error_is_the_models_own(box: Box) -> None:
    box.write(evaluate="np.ones(1 << 50)")
    error = box.fails("evaluate", ModelException)
    assert "MemoryError" in error.message


@combinations.rest
def test_weights_that_are_mapped_may_be_larger_than_memory(box: Box) -> None:
    with open(box.state / "weights", "wb") as file:
        for _ in range(12):
            file.write(os.urandom(MIB) * 16)
    box.limits = Limits(128 * MIB, 32 * MIB, 1.0)
    box.write(
        evaluate="""
        weights = np.memmap(self.state / "weights", np.uint8, "r")
        for _ in range(3):
            weights[::4096].sum()
            time.sleep(0.1)
        """
    )
    box.evaluate()


@combinations.rest
def test_memory_that_processes_share_counts_once(box: Box) -> None:
    box.write(
        evaluate="""
        block = bytearray(b"x" * (200 << 20))
        children = []
        for _ in range(8):
            children.append(os.fork())
            if children[-1] == 0:
                block.count(b"y")
                time.sleep(0.5)
                os._exit(0)
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        """
    )
    box.evaluate()


def test_a_fork_bomb(box: Box) -> None:
    box.write(
        evaluate="""
        count = 0
        try:
            while True:
                if os.fork() == 0:
                    time.sleep(600)
                count += 1
        except BlockingIOError:
            return {"words": [str(count)]}
        """
    )
    box.limits = Limits(4 << 30, 32 * MIB, 1.0, processes=100)
    (count,) = box.evaluate()
    assert 90 < int(count) < 100


FULL = {
    "one file": "open('/tmp/x', 'wb').write(bytes(40 << 20))",
    "one file of the home": "open(os.path.expanduser('~/x'), 'wb').write(bytes(40 << 20))",
    "a library that hides the reason": """
        try:
            open('/tmp/x', 'wb').write(bytes(40 << 20))
        except OSError as error:
            raise RuntimeError('cannot save') from error
    """,
    "the end of the process": """
        try:
            open('/tmp/x', 'wb', 0).write(bytes(40 << 20))
            open('/tmp/y', 'wb', 0).write(bytes(40 << 20))
        except OSError:
            os._exit(1)
    """,
    "shared memory": "open('/dev/shm/x', 'wb').write(bytes(400 << 20))",
    "a million files": """
        for number in range(1_000_000):
            os.close(os.open(f'/tmp/{number}', os.O_CREAT | os.O_WRONLY))
    """,
}


@combinations.sample(3)
@pytest.mark.parametrize("how", FULL)
def test_a_full_disk(box: Box, how: str) -> None:
    box.limits = Limits(512 * MIB, 32 * MIB, 1.0, files=5_000)
    box.write(evaluate=FULL[how])
    error = box.fails("evaluate", CodeTerminated)
    assert (error.disk_full, error.oom) == (True, False)
    assert "--disk" in error.hint


FULL_OUT = {
    "one file": "open(out / 'x', 'wb').write(bytes(200 << 20))",
    "many files": """
        for number in range(40):
            open(out / str(number), 'wb').write(bytes(10 << 20))
        time.sleep(5)
    """,
    "a million files": """
        for number in range(1_000_000):
            os.close(os.open(out / str(number), os.O_CREAT | os.O_WRONLY))
        time.sleep(5)
    """,
    "deep directories": """
        os.chdir(out)
        for number in range(1_000):
            os.mkdir('d' * 200)
            os.chdir('d' * 200)
        time.sleep(5)
    """,
}


@combinations.sample(3)
@pytest.mark.parametrize("how", FULL_OUT)
def test_too_large_results(box: Box, how: str) -> None:
    box.limits = Limits(128 * MIB, 16 * MIB, 1.0, files=5_000)
    box.write(create_state=FULL_OUT[how])
    error = box.fails("create_state", CodeTerminated)
    assert (error.disk_full, error.phase) == (True, "create_state")
    subprocess.run(["rm", "-rf", box.out], check=True)


def test_cores_and_threads(box: Box) -> None:
    box.limits = Limits(512 * MIB, 32 * MIB, 0.5)
    box.write(
        evaluate="""
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        return {"words": [str(len(os.sched_getaffinity(0))), *map(os.environ.get, names)]}
        """
    )
    assert box.evaluate() == ["1", "1", "1", "1", "1"]


def test_a_crash_leaves_no_core(box: Box, tmp_path: Path) -> None:
    box.write(create_state="os.chdir(out); os.abort()")
    error = box.fails("create_state", CodeTerminated)
    assert (error.signal, error.oom, error.disk_full) == (signal.SIGABRT, False, False)
    assert list(box.out.iterdir()) == []


def test_a_daemon_does_not_outlive_the_operation(box: Box) -> None:
    box.write(
        evaluate="""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(600)
            os._exit(0)
        os.wait()
        """
    )
    box.evaluate()  # the fixture looks


def test_all_ends_when_gitstore_is_killed(box: Box) -> None:
    box.write(top="print('up', flush=True)", evaluate="time.sleep(600)")
    program = f"""
import sys
from pathlib import Path
from tests.sandbox.conftest import Box
Box.__post_init__ = lambda box: None
box = Box(Path({str(box.root)!r}))
box.code, box.state, box.out = (box.root / name for name in ("code", "state", "out"))
box.evaluate()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    with process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"up\n"
        assert list_processes(box.root)
        process.kill()
    deadline = time.monotonic() + 10
    while (list_processes(box.root) or list_groups()) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_guardian_that_is_killed(box: Box) -> None:
    """Then nothing is known of the model, which has ended too."""
    box.write(evaluate="time.sleep(600)")

    def kill_guardian() -> None:
        while not list_processes(box.root):
            time.sleep(0.01)
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for child in children:
            if b"guardian.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)

    thread = threading.Thread(target=kill_guardian)
    thread.start()
    error = box.fails("evaluate", LauncherTerminated)
    thread.join()
    assert error.phase in ("code_startup", "instantiate_model", "evaluate")
    deadline = time.monotonic() + 10
    while list_processes(box.root) and time.monotonic() < deadline:
        time.sleep(0.01)
    box.write()
    box.evaluate()  # it sweeps the group that was left
