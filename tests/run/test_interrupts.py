"""Ctrl-C: a wish to stop while a model trains, an end to everything else."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from gitstore.errors import Cancelled, ModelException
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Observers

TRAIN = """
    class Model:
        def __init__(self, state): self.state = state
        def train(self, tracker):
            (self.state / "child").write_text(str(os.getpid()))
            tracker.progress(0.5)
            %s
        def save_state(self, out): (out / "saved").touch()
    """


def interrupt(_: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def cancel(lab, **observers):
    with pytest.raises(Cancelled) as caught:
        lab.train(Observers(**observers))
    assert type(caught.value) is Cancelled
    assert lab.child_dies()
    assert list(lab.out.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return caught.value


def test_the_model_is_told_and_may_finish(lab):
    lab.write(
        TRAIN
        % """
            while not tracker.cancelled: time.sleep(0.001)
            (self.state / "told").touch()
        """
    )
    cancel(lab, on_progress=interrupt)
    assert (lab.state / "told").exists()


def test_a_model_may_raise_when_it_is_told(lab):
    lab.write(
        TRAIN
        % """
            while not tracker.cancelled: time.sleep(0.001)
            raise ValueError("stopped")
        """
    )
    assert isinstance(cancel(lab, on_progress=interrupt).__cause__, ModelException)


def test_the_second_time_it_is_killed(lab):
    lab.write(
        TRAIN
        % """
            while not tracker.cancelled: time.sleep(0.001)
            tracker.metric("still", 1)
            time.sleep(600)
        """
    )
    cancel(lab, on_progress=interrupt, on_metric=interrupt)


def test_a_model_that_does_not_listen_is_killed_after_a_while(lab, monkeypatch):
    monkeypatch.setattr("gitstore.run.dialogue.CANCEL_GRACE", 0.1)
    lab.write(TRAIN % "time.sleep(600)")
    cancel(lab, on_progress=interrupt)


def test_before_and_after_train_there_is_nothing_to_wait_for(lab):
    lab.write("""
        class Model:
            def __init__(self, state): self.state = state
            def train(self, tracker): self.tracker = tracker
            def save_state(self, out):
                (self.state / "child").write_text(str(os.getpid()))
                self.tracker.progress(1)
                time.sleep(600)
        """)
    cancel(lab, on_progress=interrupt)


def test_evaluate_just_stops(lab):
    lab.write("""
        class Model:
            def __init__(self, state): self.state = state
            def evaluate(self):
                (self.state / "child").write_text(str(os.getpid()))
                time.sleep(600)
        """)

    def press() -> None:
        while not (lab.state / "child").exists():
            time.sleep(0.01)
        interrupt(None)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        lab.evaluate()
    assert lab.child_dies()


def test_an_observer_that_raises_ends_the_training(lab):
    def refuse(_: object) -> None:
        raise OSError("the terminal is gone")

    lab.write(TRAIN % "time.sleep(600)")
    with pytest.raises(OSError, match="the terminal is gone"):
        lab.train(Observers(on_progress=refuse))
    assert lab.child_dies()


def test_other_handlers_of_the_signal_stay(lab):
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert interrupts.count == 0
    finally:
        signal.signal(signal.SIGINT, ignored)


def test_training_works_outside_the_main_thread(lab):
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def train(self, tracker): tracker.metric("done", 1)
            def save_state(self, out): pass
        """)
    results = []
    thread = threading.Thread(target=lambda: results.append(lab.train()))
    thread.start()
    thread.join()
    assert results[0].metrics[0].name == "done"
