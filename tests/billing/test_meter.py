"""Byte-seconds, against a model that looks at each second."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gitstore.billing.meter import BilledRef, ByteChange, measure_periods, measure_refs
from gitstore.billing.periods import Period

REFS = [BilledRef("acme", "digits", f"refs/tags/v{i}", "a" * 40) for i in range(3)]
V1, V2, V3 = REFS
HOUR = Period(3600, 7200)


def at(second: float, ref: BilledRef, size: int) -> ByteChange:
    return ByteChange(int(second * 1_000_000), ref, size)


def test_a_deletion_stops_the_charge_in_its_second() -> None:
    (metered,) = measure_refs([at(3700.9, V1, 100), at(3800.1, V1, -100)], HOUR)
    assert (metered.bytes, metered.seconds, metered.byte_seconds, metered.average) == (0, 100, 10_000, 100)


def test_what_came_before_the_period_is_charged_from_its_start() -> None:
    (metered,) = measure_refs([at(5, V1, 7)], HOUR)
    assert (metered.bytes, metered.seconds, metered.byte_seconds) == (7, 3600, 7 * 3600)


def test_what_comes_at_the_end_of_the_period_or_later_is_not_in_it() -> None:
    assert measure_refs([at(7200, V1, 7)], HOUR) == []
    (metered,) = measure_refs([at(7199.999999, V1, 7)], HOUR)
    assert (metered.seconds, metered.byte_seconds) == (1, 7)


def test_what_went_before_the_period_is_not_in_it() -> None:
    assert measure_refs([at(5, V1, 7), at(3600, V1, -7)], HOUR) == []


def test_what_comes_and_goes_in_one_second_costs_nothing() -> None:
    assert measure_refs([at(4000.1, V1, 7), at(4000.9, V1, -7)], HOUR) == []


def test_bytes_that_another_ref_inherits_are_charged_once() -> None:
    changes = [at(0, V1, 100), at(0, V2, 5), at(5400.5, V1, -100), at(5400.5, V2, 60)]
    first, second = measure_refs(changes, HOUR)
    assert (first.subject, first.byte_seconds, first.seconds) == (V1, 100 * 1800, 1800)
    assert (second.subject, second.byte_seconds, second.average) == (V2, 5 * 3600 + 60 * 1800, 35)


def test_a_name_that_is_used_again_is_another_snapshot() -> None:
    again = V1._replace(snapshot="b" * 40)
    changes = [at(0, V1, 100), at(5000, V1, -100), at(5000, again, 50)]
    assert [(ref.subject, ref.bytes) for ref in measure_refs(changes, HOUR)] == [(V1, 0), (again, 50)]


STEPS = st.lists(
    st.tuples(st.integers(0, 60_000_000), st.sampled_from(REFS), st.integers(0, 2**62)), max_size=20
)
"""When a ref is charged for how many bytes."""


def as_changes(steps: list[tuple[int, BilledRef, int]]) -> list[ByteChange]:
    held = dict.fromkeys(REFS, 0)
    changes = []
    for time, ref, size in sorted(steps):
        changes.append(ByteChange(time, ref, size - held[ref]))
        held[ref] = size
    return changes


def bytes_in_second(changes: list[ByteChange], ref: BilledRef, second: int) -> int:
    """What a ref has in a second: all that was changed up to its end."""
    return sum(
        change.bytes for change in changes if change.subject == ref and change.time < (second + 1) * 1_000_000
    )


@given(STEPS, st.integers(0, 61), st.integers(0, 61))
def test_each_second_is_charged_for_what_it_has(
    steps: list[tuple[int, BilledRef, int]], first: int, second: int
) -> None:
    changes, period = as_changes(steps), Period(*sorted((first, second)))
    measured = {ref.subject: ref for ref in measure_refs(changes, period)}
    for ref in REFS:
        sizes = [bytes_in_second(changes, ref, second) for second in range(period.since, period.until)]
        metered = measured.get(ref)
        assert (metered.byte_seconds if metered else 0) == sum(sizes)
        assert (metered.seconds if metered else 0) == sum(size > 0 for size in sizes)
        assert (metered.bytes if metered else 0) == bytes_in_second(
            changes, ref, period.until - 1
        ) or not sizes


@given(STEPS, st.sets(st.integers(0, 61), min_size=2))
def test_neighbouring_periods_add_up(steps: list[tuple[int, BilledRef, int]], cuts: set[int]) -> None:
    changes = as_changes(steps)
    times = sorted(cuts)
    periods = [Period(since, until) for since, until in pairwise(times)]
    parts = list(measure_periods(iter(changes), periods))
    assert [period for period, _ in parts] == periods
    whole = measure_refs(changes, Period(times[0], times[-1]))
    for ref in whole:
        found = [part for _, refs in parts for part in refs if part.subject == ref.subject]
        assert sum(part.byte_seconds for part in found) == ref.byte_seconds
        assert sum(part.seconds for part in found) == ref.seconds
    assert [refs for _, refs in parts] == [measure_refs(changes, period) for period in periods]
