"""`warm`: one instantiated model, many evaluations."""

import threading

import numpy as np
import pytest

from gitstore.errors import (
    Cancelled,
    CodeTerminated,
    InvalidInput,
    InvalidOutput,
    LauncherTerminated,
    MaxDurationExceeded,
    ModelException,
)
from gitstore.run import warm
from gitstore.run.interrupts import Interrupts
from gitstore.run.workplace import Files
from tests.support.workers import HERE

COUNTING = """
    class Model:
        def __init__(self, state):
            self.state, self.calls = state, 0
        def evaluate(self, x):
            self.calls += 1
            {statement}
            return {{"y": x * self.calls}}
        def close(self):
            (self.state / "closed").touch()
"""


def open_model(lab, statement="pass"):
    lab.write(COUNTING.format(statement=statement))
    return warm.open_warm_model(Files(lab.code, lab.state), settings=lab.settings, workplace=HERE)


ONE = {"x": np.array([1.0], np.float32)}


def test_the_model_stays_between_evaluations(lab):
    with open_model(lab) as model:
        values = [model.evaluate(ONE).outputs["y"].item() for _ in range(3)]
        assert values == [1, 2, 3]
        assert model.durations.keys() == {"code_startup", "instantiate_model", "total"}
        assert model.evaluate(ONE).durations.keys() == {"evaluate", "total"}
    assert (lab.state / "closed").exists()
    assert lab.living() == []


def test_async_methods_share_one_loop(lab):
    lab.write("""
        import asyncio
        class Model:
            def __init__(self, state): self.lock = None
            async def evaluate(self, x):
                self.lock = self.lock or asyncio.Lock()
                async with self.lock:
                    await asyncio.sleep(0)
                    return {"y": x}
    """)
    with warm.open_warm_model(Files(lab.code, lab.state), settings=lab.settings, workplace=HERE) as model:
        assert [model.evaluate(ONE).outputs["y"].item() for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("if self.calls == 1: raise ValueError('once')", ModelException),
        ("if self.calls == 1: return {'other': x}", InvalidOutput),
        ("if self.calls == 1: return {'y': object()}", InvalidOutput),
        ("if self.calls == 1: return {'y': 'text'}", InvalidOutput),
    ],
)
def test_a_failed_evaluation_is_not_the_end(lab, statement, error):
    with open_model(lab, statement) as model:
        with pytest.raises(error):
            model.evaluate(ONE)
        assert model.is_alive
        assert model.evaluate(ONE).outputs["y"].item() == 2


def test_wrong_inputs_do_not_reach_the_model(lab):
    with open_model(lab) as model:
        with pytest.raises(InvalidInput):
            model.evaluate({"x": np.array(["text"])})
        assert model.evaluate(ONE).outputs["y"].item() == 1


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("os._exit(3)", CodeTerminated),
        ("sys.exit(3)", CodeTerminated),
        ("time.sleep(600)", MaxDurationExceeded),
    ],
)
def test_an_end_of_the_process_is_the_end(lab, statement, error):
    lab.limit(evaluate=0.3)
    with open_model(lab, statement) as model:
        with pytest.raises(error):
            model.evaluate(ONE)
        assert not model.is_alive
        with pytest.raises(LauncherTerminated):
            model.evaluate(ONE)
    assert lab.living() == []


def test_the_time_between_evaluations_does_not_count(lab):
    lab.limit(evaluate=0.3, instantiate_model=0.3, code_startup=60)
    with open_model(lab) as model:
        model.evaluate(ONE)
        threading.Event().wait(0.5)
        assert model.evaluate(ONE).outputs["y"].item() == 2


def test_a_model_that_cannot_be_loaded(lab):
    lab.write_statement("init", "raise ValueError('no weights')")
    with (
        pytest.raises(ModelException) as caught,
        warm.open_warm_model(Files(lab.code, lab.state), settings=lab.settings, workplace=HERE),
    ):
        pass
    assert caught.value.phase == "instantiate_model"
    assert lab.living() == []


def test_threads_take_turns(lab):
    with open_model(lab) as model:
        values = []
        threads = [
            threading.Thread(target=lambda: values.append(model.evaluate(ONE).outputs["y"].item()))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(values) == list(range(1, 9))


def test_another_thread_interrupts_an_evaluation(lab):
    lab.write(COUNTING.format(statement="(self.state / 'started').touch(); import time; time.sleep(60)"))
    interrupts = Interrupts()

    def interrupt():
        while not (lab.state / "started").exists():
            threading.Event().wait(0.01)
        interrupts.add()

    thread = threading.Thread(target=interrupt)
    files = Files(lab.code, lab.state)
    with warm.open_warm_model(files, settings=lab.settings, workplace=HERE, interrupts=interrupts) as model:
        thread.start()
        with pytest.raises(Cancelled):
            model.evaluate(ONE)
        thread.join()
    assert lab.living() == []
    with (
        pytest.raises(Cancelled),
        warm.open_warm_model(files, settings=lab.settings, workplace=HERE, interrupts=interrupts),
    ):
        pass
