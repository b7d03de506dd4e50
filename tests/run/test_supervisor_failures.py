"""Operations that fail: each in its typed way, at its phase, and never by hanging."""

from __future__ import annotations

import pytest

from gitstore.errors import CodeTerminated, InvalidOutput, MaxDurationExceeded, ModelException
from tests.support.failing import names, refuses

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
# A death and the clock are noticed in the same way everywhere; where the phase is shows with what raises.
FEW = [("import", "create_state", "code_startup"), *PLACES[5:6], *PLACES[7:]]


@pytest.mark.parametrize(("place", "operation", "phase"), PLACES)
def test_code_that_raises(lab, place, operation, phase):
    lab.write_statement(place, "raise ValueError('no\\nluck')")
    error = lab.fails(operation, ModelException)
    assert names(error, phase)
    assert error.phase == phase
    lines = error.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "code/model.py", line ')
    assert lines[-2:] == ["ValueError: no", "luck"]


@pytest.mark.parametrize(("place", "operation", "phase"), FEW)
def test_code_that_ends_its_process(lab, place, operation, phase):
    lab.write_statement(place, "os._exit(3)")
    error = lab.fails(operation, CodeTerminated)
    assert names(error, phase)
    assert (error.phase, error.returncode, error.signal) == (phase, 3, None)


@pytest.mark.parametrize(("place", "operation", "phase"), FEW)
def test_code_that_takes_too_long(lab, place, operation, phase):
    lab.write_statement(place, "time.sleep(600)")
    key = {"get_state": "train"}.get(phase, phase)
    lab.limit(**{key: 0.1})
    error = lab.fails(operation, MaxDurationExceeded)
    assert names(error, phase, "100ms", f"max_durations.{key}")
    assert error.phase == phase


def test_reporting_progress_all_the_time_buys_no_time(lab):
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def train(self, tracker):
                while True: tracker.progress(0)
            def save_state(self, out): pass
        """)
    lab.limit(train=0.1)
    lab.fails("train", MaxDurationExceeded)


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "BaseException"])
def test_exceptions_that_are_no_exceptions(lab, name):
    lab.write_statement("evaluate", f"raise {name}")
    assert names(lab.fails("evaluate", ModelException), name)


@pytest.mark.parametrize("statement", ["sys.exit(5)", "raise KeyboardInterrupt"])
def test_they_pass_the_event_loop_too(lab, statement):
    lab.write_statement("evaluate", statement)
    source = (lab.code / "model.py").read_text()
    (lab.code / "model.py").write_text(source.replace("def evaluate", "async def evaluate"))
    lab.fails("evaluate", CodeTerminated if "exit" in statement else ModelException)


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
    error = lab.fails("evaluate", ModelException)
    assert error.message == "evaluate: RuntimeError: outer \\ud800"
    assert "in inner" in error.traceback
    assert "KeyError: 'key'" in error.traceback
    assert "direct cause" in error.traceback
    assert "asyncio" not in error.traceback
    assert "worker" not in error.traceback


def test_an_endless_recursion_and_a_huge_message(lab):
    lab.write_statement("evaluate", "return self.evaluate()")
    assert lab.fails("evaluate", ModelException).message.startswith("evaluate: RecursionError: ")
    lab.write_statement("evaluate", "raise ValueError(chr(0x1F600) * 1_000_000)")
    assert len(lab.fails("evaluate", ModelException).message) < 2000


def test_a_syntax_error(lab):
    lab.write("def broken(:")
    error = lab.fails("evaluate", ModelException)
    assert error.message == "code_startup: SyntaxError: invalid syntax (model.py, line 4)"
    assert "def broken(:" in error.traceback


def test_a_failure_is_told_before_the_event_loop_waits_for_its_threads(lab, monkeypatch):
    lab.write("""
        import asyncio
        class Model:
            def __init__(self, state): pass
            async def evaluate(self):
                asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
                raise ValueError
        """)
    assert lab.fails("evaluate", ModelException).message == "evaluate: ValueError"


def test_a_message_cannot_move_the_cursor(lab):
    lab.write_statement("evaluate", "raise ValueError('a\\x1b[2Jb')")
    assert lab.fails("evaluate", ModelException).message == "evaluate: ValueError: a\\x1b[2Jb"


def test_a_model_that_is_none(lab):
    error = lab.fails("evaluate", ModelException)
    assert names(error, "code/model.py")
    assert (error.phase, error.traceback) == ("code_startup", "")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("[1]", "evaluate() returned a value of type list, not a dict of arrays"),
        (
            "{'y': object(), 3: 4}",
            "y: holds objects that are neither all str nor all bytes\n"
            "evaluate() returned a dict with the key 3; its keys are the names of outputs",
        ),
        (
            "{'y': [[1]], 'q': 1, 'words': [b'']}",
            "q: settings.yaml has no parameter of this name; it has y, words, pictures\n"
            "y: type is i64, but settings.yaml allows f32, f64\n"
            "y: shape is (1, 1), but settings.yaml asks for (-1,)\n"
            "words: type is binary, but settings.yaml allows string",
        ),
    ],
)
def test_outputs_that_are_not_as_promised(lab, returned, message):
    lab.write_statement("evaluate", f"return {returned}")
    error = lab.fails("evaluate", InvalidOutput)
    assert (error.message, error.phase) == (message, "evaluate")


def test_a_name_too_long_for_a_frame(lab):
    lab.write_statement("evaluate", "return {'y' * 2_000_000: [1.0]}")
    assert names(lab.fails("evaluate", InvalidOutput), 1048576)


def test_inputs_that_the_code_does_not_take(lab):
    lab.write_statement("evaluate", "return {}")
    with refuses("'words'", kind=ModelException):
        lab.evaluate(words=["a"])
