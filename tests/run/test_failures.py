"""Operations that fail: each in its typed way, at its phase, and never by hanging."""

from __future__ import annotations

import signal

import pytest

from gitstore.errors import CodeTerminated, InvalidOutput, MaxDurationExceeded, ModelException

FINE = {
    "import": "pass",
    "create_state": "pass",
    "init": "pass",
    "evaluate": "return {}",
    "train": "pass",
    "save_state": "pass",
}
# Where a statement runs, which operation runs it, and the phase that this is.
PLACES = [
    ("import", "evaluate", "code_startup"),
    ("import", "create_state", "code_startup"),
    ("create_state", "create_state", "create_state"),
    ("init", "evaluate", "instantiate_model"),
    ("init", "train", "instantiate_model"),
    ("evaluate", "evaluate", "evaluate"),
    ("train", "train", "train"),
    ("save_state", "train", "get_state"),
]

# Finds the worker's socket, as hostile code would.
FIND_SOCKET = """
    import stat
    def find_socket():
        for fd in range(3, 100):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode): return fd
            except OSError: pass
    """


def write_model(lab, place, statement):
    body = {**FINE, place: statement}
    lab.write(f"""
        {body["import"]}
        class Model:
            @staticmethod
            def create_state(out): {body["create_state"]}
            def __init__(self, state): self.state = state; {body["init"]}
            def evaluate(self): {body["evaluate"]}
            def train(self, tracker): {body["train"]}
            def save_state(self, out): {body["save_state"]}
        """)


def fails(lab, operation, error):
    with pytest.raises(error) as caught:
        getattr(lab, operation)()
    assert type(caught.value) is error
    return caught.value


@pytest.mark.parametrize(("place", "operation", "phase"), PLACES)
def test_code_that_raises(lab, place, operation, phase):
    write_model(lab, place, "raise ValueError('no\\nluck')")
    error = fails(lab, operation, ModelException)
    assert error.message == f"{phase}: ValueError: no"
    assert error.phase == phase
    lines = error.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "code/model.py", line ')
    assert lines[-2:] == ["ValueError: no", "luck"]


@pytest.mark.parametrize(("place", "operation", "phase"), PLACES)
def test_code_that_ends_its_process(lab, place, operation, phase):
    write_model(lab, place, "os._exit(3)")
    error = fails(lab, operation, CodeTerminated)
    assert error.message == f"{phase}: the model's process exited with code 3 before it answered"
    assert (error.phase, error.returncode, error.signal) == (phase, 3, None)


@pytest.mark.parametrize(("place", "operation", "phase"), PLACES)
def test_code_that_takes_too_long(lab, place, operation, phase):
    write_model(lab, place, "time.sleep(600)")
    key = {"get_state": "train"}.get(phase, phase)
    lab.limit(**{key: 0.25})
    error = fails(lab, operation, MaxDurationExceeded)
    assert error.message == f"{phase}: took longer than the 250ms of max_durations.{key}"
    assert error.hint == f"if the model needs more time, raise max_durations.{key} in settings.yaml"
    assert error.phase == phase


def test_reporting_progress_all_the_time_buys_no_time(lab):
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def train(self, tracker):
                while True: tracker.progress(0)
            def save_state(self, out): pass
        """)
    lab.limit(train=0.25)
    fails(lab, "train", MaxDurationExceeded)


def test_a_signal(lab):
    write_model(lab, "evaluate", "os.kill(os.getpid(), signal.SIGKILL)")
    error = fails(lab, "evaluate", CodeTerminated)
    assert (
        error.message == "evaluate: the model's process was killed by signal 9 (SIGKILL) before it answered"
    )
    assert (error.returncode, error.signal) == (None, signal.SIGKILL)


@pytest.mark.parametrize(("argument", "code"), [("", 0), ("0", 0), ("5", 5), ("'bye'", 1)])
def test_sys_exit_ends_the_process(lab, argument, code):
    write_model(lab, "evaluate", f"sys.exit({argument})")
    assert fails(lab, "evaluate", CodeTerminated).returncode == code


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "GeneratorExit", "BaseException"])
def test_exceptions_that_are_no_exceptions(lab, name):
    write_model(lab, "evaluate", f"raise {name}")
    assert fails(lab, "evaluate", ModelException).message == f"evaluate: {name}"


@pytest.mark.parametrize("statement", ["sys.exit(5)", "raise KeyboardInterrupt"])
def test_they_pass_the_event_loop_too(lab, statement):
    write_model(lab, "evaluate", statement)
    source = (lab.code / "model.py").read_text()
    (lab.code / "model.py").write_text(source.replace("def evaluate", "async def evaluate"))
    fails(lab, "evaluate", CodeTerminated if "exit" in statement else ModelException)


def test_a_traceback_holds_the_models_own_frames_and_its_causes(lab):
    lab.write("""
        def inner(): return {}["key"]
        class Model:
            def __init__(self, state): pass
            async def evaluate(self):
                try:
                    inner()
                except KeyError as error:
                    raise RuntimeError("outer \\ud800") from error
        """)
    error = fails(lab, "evaluate", ModelException)
    assert error.message == "evaluate: RuntimeError: outer \\ud800"
    assert "in inner" in error.traceback
    assert "KeyError: 'key'" in error.traceback
    assert "direct cause" in error.traceback
    assert "asyncio" not in error.traceback
    assert "worker" not in error.traceback


def test_an_endless_recursion_and_a_huge_message(lab):
    write_model(lab, "evaluate", "return self.evaluate()")
    assert fails(lab, "evaluate", ModelException).message.startswith("evaluate: RecursionError: ")
    write_model(lab, "evaluate", "raise ValueError(chr(0x1F600) * 10_000_000)")
    assert len(fails(lab, "evaluate", ModelException).message) < 2000


def test_a_syntax_error(lab):
    lab.write("def broken(:")
    error = fails(lab, "evaluate", ModelException)
    assert error.message == "code_startup: SyntaxError: invalid syntax (model.py, line 4)"
    assert "def broken(:" in error.traceback


@pytest.mark.parametrize(
    ("source", "operation", "message"),
    [
        (None, "evaluate", "code/model.py does not exist"),
        ("", "evaluate", "code/model.py has no class Model"),
        ("Model = 3", "evaluate", "code/model.py has no class Model"),
        ("class Model: pass", "evaluate", "code/model.py: class Model has no method evaluate"),
        ("class Model: pass", "create_state", "code/model.py: class Model has no method create_state"),
        ("class Model: train = 3", "train", "code/model.py: class Model has no method train"),
    ],
)
def test_a_model_that_is_none(lab, source, operation, message):
    if source is not None:
        lab.write(source)
    error = fails(lab, operation, ModelException)
    assert (error.message, error.traceback) == (f"code_startup: {message}", "")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("None", "evaluate() returned None, not a dict of arrays"),
        ("[1]", "evaluate() returned a value of type list, not a dict of arrays"),
        ("iter([])", "evaluate() returned a value of type list_iterator, not a dict of arrays"),
        ("{3: 4}", "evaluate() returned a dict with the key 3; its keys are the names of outputs"),
        ("{'y': object()}", "y: holds objects that are neither all str nor all bytes"),
        ("{'y': [1j]}", "y: type is complex128, which gitstore does not have"),
        ("{'words': ['\\ud800']}", "words: holds text that is not Unicode: a lone surrogate"),
        ("{'y': [1]}", "y: type is i64, settings.yaml allows f32, f64"),
        ("{'y': 1.5}", "y: shape is (), settings.yaml asks for (-1,)"),
        ("{'word': ['a']}", "word: settings.yaml has no parameter of this name; did you mean words?"),
        (
            "{'y': [[1]], 'q': 1, 'words': [b'']}",
            "q: settings.yaml has no parameter of this name; it has y, words, pictures\n"
            "y: type is i64, settings.yaml allows f32, f64\n"
            "y: shape is (1, 1), settings.yaml asks for (-1,)\n"
            "words: type is binary, settings.yaml allows string",
        ),
    ],
)
def test_outputs_that_are_not_as_promised(lab, returned, message):
    write_model(lab, "evaluate", f"return {returned}")
    error = fails(lab, "evaluate", InvalidOutput)
    assert (error.message, error.phase) == (message, "evaluate")


def test_outputs_that_are_ragged(lab):
    write_model(lab, "evaluate", "return {'y': [[1.0], [2.0, 3.0]]}")
    assert fails(lab, "evaluate", InvalidOutput).message.startswith(
        "y: is no array: ValueError: setting an array"
    )


def test_a_name_too_long_for_a_frame(lab):
    write_model(lab, "evaluate", "return {'y' * 2_000_000: [1.0]}")
    assert "over the limit of 1048576" in fails(lab, "evaluate", InvalidOutput).message


GARBAGE = [
    ("b'garbage'", "a header of 1651663207 bytes, over the limit of 1048576"),
    ("b'\\x02\\0\\0\\0{}'", "a header without kind, fields and tensors"),
    ("frame('done', phase='train')", "a frame 'done' out of place"),
    ("frame('done', phase='evaluate')", "a frame 'done' out of place"),
    ("frame('progress', fraction=0.5)", "a frame 'progress' out of place"),
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
    error = fails(lab, "evaluate", InvalidOutput)
    assert error.message == f"evaluate: the model's process sent what is no answer: {reason}"
    assert error.hint == "the model's code must not write to file descriptors that it did not open"


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
    error = fails(lab, "evaluate", CodeTerminated)
    assert error.message == "evaluate: the model's process exited with code 1 before it answered"
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
        lab.limit(evaluate=0.25)
    if error is None:
        lab.evaluate()
    else:
        fails(lab, "evaluate", error)
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
    assert fails(lab, "evaluate", CodeTerminated).returncode == 3
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
    error = fails(lab, "evaluate", CodeTerminated)
    assert error.message == (
        "evaluate: the model's process closed its connection, and was killed before it answered"
    )


def test_a_thread_that_never_ends_does_not_keep_the_worker(lab, monkeypatch):
    monkeypatch.setattr("gitstore.run.dialogue.EXIT_GRACE", 0.1)
    lab.write("""
        import threading
        class Model:
            def __init__(self, state): threading.Thread(target=time.sleep, args=(600,)).start()
            def evaluate(self): return {}
        """)
    assert lab.evaluate().outputs == {}


def test_a_failure_is_told_before_the_event_loop_waits_for_its_threads(lab, monkeypatch):
    lab.write("""
        import asyncio
        class Model:
            def __init__(self, state): pass
            async def evaluate(self):
                asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
                raise ValueError
        """)
    assert fails(lab, "evaluate", ModelException).message == "evaluate: ValueError"


def test_a_message_cannot_move_the_cursor(lab):
    write_model(lab, "evaluate", "raise ValueError('a\\x1b[2Jb')")
    assert fails(lab, "evaluate", ModelException).message == "evaluate: ValueError: a\\x1b[2Jb"


def test_inputs_that_the_code_does_not_take(lab):
    write_model(lab, "evaluate", "return {}")
    with pytest.raises(ModelException, match="got an unexpected keyword argument 'words'"):
        lab.evaluate(words=["a"])
