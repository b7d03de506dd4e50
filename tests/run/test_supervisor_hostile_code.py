"""Code that gets hold of the worker's socket, leaves processes behind, or does not end."""

from __future__ import annotations

import pytest

from gitstore.errors import CodeTerminated, InvalidOutput, MaxDurationExceeded, ModelException
from tests.support.failing import names

# Finds the worker's socket, as hostile code would.
FIND_SOCKET = """
    import stat
    def find_socket():
        for fd in range(3, 100):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode): return fd
            except OSError: pass
    """


GARBAGE = [
    ("b'garbage'", "a header of 1651663207 bytes, over the limit of 1048576"),
    ("b'\\x02\\0\\0\\0{}'", "a header without kind, fields and tensors"),
    ("frame('done', phase='train')", "a frame 'done' out of place"),
    ("frame('done', phase='evaluate')", "a frame 'done' out of place"),
    ("frame('reports', reports=[[0.0, None, 0.5]])", "a frame 'reports' out of place"),
    ("frame('failed', message=3, traceback='')", "a message that is no text"),
    ("frame('unusable', problems=[])", "a frame 'unusable' out of place"),
    ("frame('x' * 1000)", f"a frame '{'x' * 39} out of place"),
]


@pytest.mark.parametrize(("sent", "reason"), GARBAGE)
def test_code_that_writes_to_the_workers_socket(lab, sent, reason):
    lab.write(
        FIND_SOCKET
        + """
    import json, struct
    def frame(kind, **fields):
        header = json.dumps({"kind": kind, "fields": fields, "tensors": []}).encode()
        return struct.pack("<I", len(header)) + header
    class Model:
        def __init__(self, state): pass
        def evaluate(self):
            os.write(find_socket(), SENT)
            time.sleep(600)
    """.replace("SENT", sent)
    )
    error = lab.fails("evaluate", InvalidOutput)
    assert names(error, reason)
    assert (error.phase, "file descriptors" in (error.hint or "")) == ("evaluate", True)


@pytest.mark.parametrize(
    "close",
    [
        "os.close(find_socket())",
        "os.closerange(3, 1000)",
        "os.closerange(0, 1000)",
        "os.dup2(os.open(self.state / 'file', os.O_CREAT | os.O_WRONLY), find_socket())",
    ],
)
def test_code_that_closes_the_workers_socket(lab, close):
    lab.write(
        FIND_SOCKET
        + f"""
    class Model:
        def __init__(self, state): self.state = state
        def evaluate(self): {close}; return {{}}
    """
    )
    error = lab.fails("evaluate", CodeTerminated)
    assert (error.phase, error.returncode, error.signal) == ("evaluate", 1, None)
    if (lab.state / "file").exists():
        assert (lab.state / "file").read_bytes() == b""


def test_code_that_makes_the_workers_socket_non_blocking(lab):
    lab.write(
        FIND_SOCKET
        + """
    class Model:
        def __init__(self, state): pass
        def evaluate(self):
            os.set_blocking(find_socket(), False)
            return {"y": np.ones(1_000_000)}
    """
    )
    assert lab.evaluate().outputs["y"].sum() == 1_000_000


CHILD = """
    def child(state):
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
        (state / "child").write_text(str(pid))
    class Model:
        def __init__(self, state): child(state)
        def evaluate(self): %s
    """


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("return {}", None),
        ("raise ValueError", ModelException),
        ("os._exit(3)", CodeTerminated),
        ("os.kill(os.getpid(), signal.SIGKILL)", CodeTerminated),
        ("time.sleep(600)", MaxDurationExceeded),
    ],
)
def test_children_of_the_model_do_not_outlive_it(lab, statement, error):
    lab.write(CHILD % statement)
    if error is MaxDurationExceeded:
        lab.limit(evaluate=0.1)
    if error is None:
        lab.evaluate()
    else:
        lab.fails("evaluate", error)
    assert lab.child_dies()


def test_a_child_that_keeps_the_socket_does_not_hide_the_workers_death(lab):
    lab.write(
        FIND_SOCKET
        + """
    class Model:
        def __init__(self, state): self.state = state
        def evaluate(self):
            kept = os.dup(find_socket())
            pid = os.fork()
            if pid == 0:
                time.sleep(600)
            (self.state / "child").write_text(str(pid))
            os._exit(3)
    """
    )
    assert lab.fails("evaluate", CodeTerminated).returncode == 3
    assert lab.child_dies()


def test_a_forked_copy_of_the_worker_does_not_answer(lab):
    lab.write("""
        class Model:
            def __init__(self, state): self.copy = os.fork() == 0
            def evaluate(self):
                if not self.copy: os.wait()
                return {"words": ["copy" if self.copy else "original"]}
        """)
    assert lab.evaluate().outputs["words"].tolist() == ["original"]


def test_a_worker_that_closes_its_side_and_goes_on_is_killed(lab, monkeypatch):
    monkeypatch.setattr("gitstore.run.dialogue.EXIT_GRACE", 0.1)
    lab.write(
        FIND_SOCKET
        + """
    import socket
    class Model:
        def __init__(self, state): pass
        def evaluate(self):
            socket.socket(fileno=os.dup(find_socket())).shutdown(socket.SHUT_WR)
            time.sleep(600)
    """
    )
    error = lab.fails("evaluate", CodeTerminated)
    assert names(error, "connection")
    assert error.phase == "evaluate"


def test_a_thread_that_never_ends_does_not_keep_the_worker(lab, monkeypatch):
    monkeypatch.setattr("gitstore.run.dialogue.EXIT_GRACE", 0.1)
    lab.write("""
        import threading
        class Model:
            def __init__(self, state): threading.Thread(target=time.sleep, args=(600,)).start()
            def evaluate(self): return {}
        """)
    assert lab.evaluate().outputs == {}
