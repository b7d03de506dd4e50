"""The worker's process, as the product starts it; most other tests have one that has loaded numpy already."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from gitstore.errors import CodeTerminated, MaxDurationExceeded, ModelException
from gitstore.run import process, supervisor
from gitstore.run.worker import wire
from gitstore.run.workplace import Files
from tests.support.failing import names
from tests.support.workers import HERE

real = pytest.mark.real_starts


@real
def test_it_is_this_interpreter_with_the_models_code_first_in_an_empty_directory(lab, floats):
    lab.write(
        """
        class Model:
            def __init__(self, state): pass
            async def evaluate(self, x):
                assert (wire.MINE, session.MINE, tensors.MINE) == (1, 1, 1)
                assert sys.path[0] == str(pathlib.Path(__file__).parent)
                assert not any("gitstore" in entry and "worker" in entry for entry in sys.path)
                assert "gitstore" not in sys.modules
                assert os.listdir() == []
                open("scratch", "w").close()
                return {"y": x * 2, "words": [sys.executable, os.getcwd()]}
        """,
        imports="import os, pathlib, sys\nimport session, tensors, wire",
    )
    for name in ("session", "tensors", "wire"):
        (lab.code / f"{name}.py").write_text("MINE = 1\n")
    outputs = lab.evaluate(x=floats).outputs
    assert outputs["y"].tolist() == [2, 4, 6]
    executable, directory = outputs["words"]
    assert executable == sys.executable
    assert not os.path.exists(directory)
    assert sorted(os.listdir(lab.code)) == ["model.py", "session.py", "tensors.py", "wire.py"]
    assert sorted(os.listdir(lab.root)) == ["code", "out", "state"]


@real
def test_what_a_model_prints_goes_to_standard_error(lab, capfd):
    lab.write("""
        print("at import")
        class Model:
            def __init__(self, state): os.write(1, b"by descriptor\\n")
            def evaluate(self):
                print("x" * 200_000)
                sys.stdout.write("without end of line")
                assert sys.stdin.read() == ""
                return {}
        """)
    lab.evaluate()
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "at import\nby descriptor\n" + "x" * 200_000 + "\nwithout end of line"


@real
@pytest.mark.parametrize(("argument", "code", "said"), [("0", 0, ""), ("'bye'", 1, "bye\n")])
def test_sys_exit_ends_it(lab, capfd, argument, code, said):
    lab.write_statement("evaluate", f"sys.exit({argument})")
    assert lab.fails("evaluate", CodeTerminated).returncode == code
    assert capfd.readouterr().err == said


@real
def test_a_signal(lab):
    lab.write_statement("evaluate", "os.kill(os.getpid(), signal.SIGKILL)")
    error = lab.fails("evaluate", CodeTerminated)
    assert names(error, "SIGKILL")
    assert (error.returncode, error.signal) == (None, signal.SIGKILL)


@real
def test_code_that_raises(lab):
    lab.write_statement("init", "raise ValueError('no')")
    error = lab.fails("train", ModelException)
    assert error.phase == "instantiate_model"
    assert error.traceback.splitlines()[1].startswith('  File "code/model.py", line ')


@real
def test_a_child_ends_with_it(lab):
    lab.write("""
        class Model:
            def __init__(self, state): self.state = state
            def evaluate(self):
                if os.fork() == 0:
                    os.setsid()
                    (self.state / "child").touch()
                time.sleep(600)
        """)
    lab.limit(evaluate=0.25)
    lab.fails("evaluate", MaxDurationExceeded)
    assert lab.child_dies()


@real
def test_it_dies_with_its_supervisor(lab):
    """Not by a signal, and not by the supervisor's doing: it notices that the socket has closed."""
    lab.write_statement("train", "tracker.progress(0.5); time.sleep(600)")
    with process.start_worker(HERE, Files(lab.code)) as worker:
        channel = wire.Channel(worker.socket)
        channel.send(
            "request",
            **supervisor.describe_request("train", lab.settings),
            code=str(lab.code),
            state=str(lab.state),
            out=str(lab.out),
        )
        while channel.receive().kind != "reports":
            pass
        worker.socket.close()
        assert worker.wait(10)


@real
def test_a_supervisor_that_is_killed_leaves_no_directory(lab, tmp_path):
    """The guardian removes it, since nobody else can."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    script = (
        "import os, signal, sys, time; from pathlib import Path\n"
        "from gitstore.run import process; from gitstore.run.workplace import Files, Workplace\n"
        "with process.start_worker(Workplace(Path(sys.executable)), Files(Path(sys.argv[1]))):\n"
        "    [(Path(place) / 'inner').mkdir() for place in Path(os.environ['TMPDIR']).iterdir()]\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    variables = os.environ | {"TMPDIR": str(scratch)}
    killed = subprocess.run([sys.executable, "-c", script, str(lab.code)], env=variables, check=False)
    assert killed.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while list(scratch.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("notices", [True, False], ids=["at once", "by looking"])
def test_its_end_is_awaited(lab, monkeypatch, notices):
    if not notices:
        monkeypatch.delattr(os, "pidfd_open")
    with process.start_worker(HERE, Files(lab.code)) as worker:
        assert not worker.has_ended()
        assert not worker.wait(0.02)
        worker.socket.close()
        assert worker.wait(10)
        assert worker.has_ended()
        assert worker.stop() == worker.stop() == 1
