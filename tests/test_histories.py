"""The checker of histories itself: it accepts what could have happened, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.histories import Operation, QuotaPush, charge, linearize, look, swap

MAIN = "refs/heads/main"


def is_linearizable(operations: Sequence[Operation[object]]) -> bool:
    return linearize(operations, None) is not None


def test_of_two_pushes_at_once_one_moves_the_ref() -> None:
    first = swap(MAIN, None, "a", start=0, end=2)
    second = swap(MAIN, "a", "b", start=1, end=3)
    assert linearize([second, first], None) == [first, second]
    assert not is_linearizable([first, swap(MAIN, None, "b", start=1, end=3)])
    assert is_linearizable([first, swap(MAIN, None, "b", start=1, end=3, moved=False)])


def test_a_value_is_not_seen_before_it_is_pushed_nor_after_it_is_gone() -> None:
    pushes = [swap(MAIN, None, "a", start=1, end=2), swap(MAIN, "a", "b", start=3, end=4)]
    for seen, start, end, expected in [
        ("a", 0, 0.5, False),
        ("a", 0, 1.5, True),
        ("a", 2.5, 3.5, True),
        ("a", 4.5, 5, False),
        (None, 2.5, 5, False),
        ("b", 3.5, 5, True),
    ]:
        assert is_linearizable([*pushes, look(MAIN, seen, start=start, end=end)]) == expected, (seen, start)


def test_two_readers_do_not_see_values_in_different_orders() -> None:
    pushes = [swap(MAIN, None, "a", start=0, end=9), swap(MAIN, "a", "b", start=0, end=9)]
    forward = [look(MAIN, "a", start=1, end=2), look(MAIN, "b", start=3, end=4)]
    backward = [look(MAIN, "b", start=1, end=2), look(MAIN, "a", start=3, end=4)]
    assert is_linearizable([*pushes, *forward])
    assert not is_linearizable([*pushes, *backward])


def test_a_push_without_an_answer_happened_or_did_not() -> None:
    killed = swap(MAIN, None, "a", start=0, end=None)
    for seen in ("a", None):
        assert is_linearizable([killed, look(MAIN, seen, start=5, end=6)])
    flips = [look(MAIN, "a", start=5, end=6), look(MAIN, None, start=7, end=8)]
    assert not is_linearizable([killed, *flips])
    assert linearize([killed], None, final="b") is None
    assert linearize([killed], None, final="a") == [killed]


@pytest.mark.parametrize(
    ("pushes", "expected"),
    [
        ([(60, 0, 1, True), (40, 2, 3, True)], True),
        ([(60, 0, 1, True), (41, 2, 3, True)], False),
        ([(60, 0, 5, True), (41, 2, 3, True)], False),
        ([(60, 0, 1, True), (40, 2, 3, False)], False),
        ([(60, 0, 1, True), (41, 2, 3, False)], True),
        ([(60, 0, 1, True), (-30, 2, 3, True), (60, 4, 5, True)], True),
        ([(60, 0, 1, True), (60, 2, 5, True), (-30, 3, 6, True)], True),
        ([(60, 0, 1, True), (60, 2, 3, True), (-30, 4, 5, True)], False),
        # Each may have met the other's reservation; but not if one of them came afterwards.
        ([(60, 0, 5, False), (60, 1, 4, False)], True),
        ([(60, 0, 1, False), (60, 2, 4, False)], False),
    ],
)
def test_a_quota(pushes: list[tuple[int, float, float, bool]], expected: bool) -> None:
    history = charge([QuotaPush(*push) for push in pushes], limit=100)
    assert (linearize(history, 0) is not None) == expected


def by_trying_all_orders(operations: Sequence[Operation[object]]) -> bool:
    """The definition."""
    for order in permutations(operations):
        state: tuple[object] | None = (None,)
        for i, operation in enumerate(order):
            is_late = any(later.end is not None and later.end < operation.start for later in order[i + 1 :])
            state = None if is_late or state is None else operation.apply(state[0])
        if state is not None:
            return True
    return False


@given(st.integers(0, 10**9))
def test_it_agrees_with_trying_all_orders(seed: int) -> None:
    chance = random.Random(seed)
    operations = []
    for _ in range(chance.randint(1, 5)):
        start = chance.randrange(10)
        end = start + chance.randrange(1, 6)
        values = [chance.choice([None, "a", "b"]) for _ in range(2)]
        if chance.random() < 0.6:
            operations.append(swap(MAIN, *values, start=start, end=end))
        else:
            operations.append(look(MAIN, values[0], start=start, end=end))
    assert is_linearizable(operations) == by_trying_all_orders(operations)


def test_a_long_history_of_32_clients_is_checked_at_once() -> None:
    chance = random.Random(7)
    operations: list[Operation[object]] = []
    value: object = None
    for number in range(3000):
        new = f"c{number}"
        instant = float(number)
        spread = [chance.random() * 4 for _ in range(4)]
        operations.append(swap(MAIN, value, new, start=instant - spread[0], end=instant + spread[1]))
        operations.append(look(MAIN, new, start=instant + 0.5 - spread[2] / 9, end=instant + 0.5 + spread[3]))
        value = new
    assert linearize(operations, None, final=value) is not None
    assert linearize([*operations, look(MAIN, "c5", start=2000, end=2001)], None) is None
