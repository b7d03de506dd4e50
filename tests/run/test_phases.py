"""The clock of an operation, on a time of its own."""

from __future__ import annotations

import pytest

from gitstore.run import phases
from gitstore.settings.schema import MaxDurations

LIMITS = MaxDurations(code_startup=1, instantiate_model=2, create_state=3, train=10, evaluate=5)


class Time:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch):
    fake = Time()
    monkeypatch.setattr(phases, "time", fake)
    return fake


def test_each_phase_begins_where_the_one_before_it_ends(time):
    clock = phases.Clock("evaluate", LIMITS)
    for phase, seconds in [("code_startup", 0.5), ("instantiate_model", 1.5), ("evaluate", 4)]:
        assert (clock.phase, clock.finished, clock.limit_name) == (phase, False, phase)
        time.now += seconds
        assert not clock.overrun
        clock.end_phase()
    assert clock.finished
    assert clock.durations == {"code_startup": 0.5, "instantiate_model": 1.5, "evaluate": 4, "total": 6}


def test_a_phase_overruns_its_own_limit(time):
    clock = phases.Clock("create_state", LIMITS)
    time.now += 1
    assert not clock.overrun
    time.now += 0.001
    assert clock.overrun
    clock.end_phase()
    assert not clock.overrun


def test_train_and_get_state_share_a_limit(time):
    clock = phases.Clock("train", LIMITS)
    clock.end_phase()
    clock.end_phase()
    time.now += 9
    assert (clock.phase, clock.counted) == ("train", 9)
    clock.end_phase()
    time.now += 2
    assert (clock.phase, clock.limit_name, clock.counted, clock.limit) == ("get_state", "train", 11, 10)
    assert clock.overrun
    clock.end_phase()
    assert clock.durations == {
        "code_startup": 0,
        "instantiate_model": 0,
        "train": 9,
        "get_state": 2,
        "total": 11,
    }
