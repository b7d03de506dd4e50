"""What a model's train() reports: nothing is lost, and fast loops are not slowed down."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from gitstore.errors import Cancelled, CodeTerminated, InvalidOutput, ModelException
from gitstore.run.supervisor import Metric, Observers
from gitstore.run.worker import tracker, wire

COUNT = 1000

TRAIN = f"""
    class Model:
        def __init__(self, state): pass
        def train(self, tracker):
            for step in range({COUNT}):
                tracker.metric("loss", step)
            %s
        def save_state(self, out): pass
    """

ENDS = {
    "raise ValueError('no more')": ModelException,
    "sys.exit(3)": CodeTerminated,
    # What is killed without notice has sent what is older than the interval.
    "time.sleep(0.5); os.kill(os.getpid(), signal.SIGKILL)": CodeTerminated,
    "time.sleep(0.5); os._exit(3)": CodeTerminated,
}


@pytest.mark.parametrize(("statement", "error"), ENDS.items())
def test_no_metric_is_lost_if_training_fails(lab, statement, error):
    heard: list[Metric] = []
    lab.write(TRAIN % statement)
    with pytest.raises(error):
        lab.train(Observers(on_metric=heard.append))
    assert [metric.value for metric in heard] == list(range(COUNT))


def test_no_metric_is_lost_if_training_is_cancelled(lab):
    heard: list[Metric] = []

    def hear(metric: Metric) -> None:
        heard.append(metric)
        if len(heard) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    lab.write(TRAIN % "\n            while not tracker.cancelled: time.sleep(0.001)")
    with pytest.raises(Cancelled):
        lab.train(Observers(on_metric=hear))
    assert [metric.value for metric in heard] == list(range(COUNT))


def test_a_report_is_seen_at_once_and_those_after_it_soon(lab):
    """The model waits for the user to see each of them."""
    seen = lab.root / "seen"

    def hear(metric: Metric) -> None:
        seen.with_suffix(f".{metric.value:.0f}").touch()

    lab.write(f"""
        from pathlib import Path
        class Model:
            def __init__(self, state): pass
            def train(self, tracker):
                for step in range(4):
                    tracker.metric("loss", step)
                    while not Path({str(seen)!r} + f".{{step}}").exists(): time.sleep(0.001)
            def save_state(self, out): pass
        """)
    assert len(lab.train(Observers(on_metric=hear)).metrics) == 4


def test_times_are_those_of_the_reports_and_not_of_frames(lab):
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def train(self, tracker):
                for step in range(20):
                    tracker.metric("loss", step)
                    time.sleep(0.002)
            def save_state(self, out): pass
        """)
    training = lab.train()
    seconds = [metric.seconds for metric in training.metrics]
    assert seconds == sorted(seconds)
    # A few frames have them all. Where one comes late, the first of the next may be as late as its last.
    assert len({round(instant, 4) for instant in seconds}) > 10
    assert seconds[-1] <= training.durations["train"]


def test_progress_alone_takes_one_report():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reporting = tracker.Tracker(wire.Channel(ours))
        for step in range(COUNT):
            reporting.progress(step / COUNT)
        reporting.flush()
        channel = wire.Channel(theirs)
        first, last = channel.receive(), channel.receive()
    assert [first.fields["reports"][0][1:], last.fields["reports"][-1][1:]] == [[None, 0.0], [None, 0.999]]
    assert len(last.fields["reports"]) == 1


def test_the_longest_names_fit_into_a_frame():
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        reporting = tracker.Tracker(wire.Channel(ours))
        reporting._last_sent = float("inf")  # none is due, until a frame is full
        with pytest.raises(wire.Closed):
            for _ in range(tracker.MOST_REPORTS):
                reporting.metric("\U0001f600" * tracker.MAX_NAME, -1.7976931348623157e308)


@pytest.mark.parametrize(
    "report",
    [
        "[0.0, None, 1.5]", "[0.0, None, -1.0]", "[0.0, None, float('nan')]", "[-1.0, 'loss', 1.0]",
        "[float('nan'), 'loss', 1.0]", "[0.0, 'loss', 'x']", "[0.0, 3, 1.0]", "[0.0, 'loss']", "3", "{}",
    ],
)  # fmt: skip
def test_reports_that_are_none(lab, report):
    lab.write(f"""
        class Model:
            def __init__(self, state): pass
            def train(self, tracker):
                tracker._channel.send("reports", reports=[[0.0, "loss", 1.0], {report}])
                time.sleep(600)
            def save_state(self, out): pass
        """)
    error = lab.fails("train", InvalidOutput)
    assert "an invalid answer" in str(error)


def test_a_report_from_before_the_training_is_at_its_beginning(lab):
    lab.write("""
        class Model:
            def __init__(self, state): pass
            def train(self, tracker):
                tracker._channel.send("reports", reports=[[1e300, "loss", 1.0], [float("inf"), "loss", 2.0]])
            def save_state(self, out): pass
        """)
    assert [metric.seconds for metric in lab.train().metrics] == [0, 0]
