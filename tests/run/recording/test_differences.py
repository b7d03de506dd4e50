"""Differences between outputs: how large, where, and what is tolerated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gitstore.run.recording import differences
from gitstore.run.recording.differences import OutputDifference, Tolerance, compare_outputs


def compare(expected: Any, actual: Any, dtype: str = "f8", **tolerance: Any) -> OutputDifference:
    arrays = [np.array(value, dtype) for value in (expected, actual)]
    (difference,) = compare_outputs({"y": arrays[0]}, {"y": arrays[1]}, Tolerance(**tolerance))
    return difference


def test_equal() -> None:
    difference = compare([1, math.nan, math.inf], [1, math.nan, math.inf])
    assert (difference.is_equal, difference.count, difference.absolute) == (True, 0, 0)


def test_the_largest_difference_and_where_it_is() -> None:
    difference = compare([[1, 2], [100, 4]], [[1.5, 2], [101, 4]])
    assert (difference.is_equal, difference.count, difference.size) == (False, 2, 4)
    assert (difference.absolute, difference.absolute_index) == (1, (1, 0))
    assert (difference.relative, difference.relative_index) == (0.5, (0, 0))
    assert difference.first_index == (0, 0)


@pytest.mark.parametrize(
    ("tolerance", "is_equal"),
    [
        ({"absolute": 1.0}, True),
        ({"absolute": 0.9}, False),
        ({"relative": 0.01}, True),
        ({"relative": 0.009}, False),
        ({"absolute": 0.5, "relative": 0.005}, True),
        ({"relative_by_name": {"y": 0.01}}, True),
        ({"relative": 0.01, "relative_by_name": {"y": 0.0}}, False),
        ({"absolute": 1.0, "absolute_by_name": {"z": 0.0}}, True),
    ],
)
def test_within_a_tolerance(tolerance: dict[str, Any], is_equal: bool) -> None:
    assert compare([100.0], [101.0], **tolerance).is_equal is is_equal


@pytest.mark.parametrize("other", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_tolerated(other: float) -> None:
    for pair in ([1.0, other], [other, 1.0]):
        difference = compare(pair[:1], pair[1:], absolute=1e300, relative=1e300)
        assert not difference.is_equal
        assert difference.absolute == math.inf
    assert not compare([math.inf], [-math.inf], relative=1.0).is_equal


def test_the_sign_of_zero_differs_exactly_but_within_any_tolerance_not() -> None:
    assert not compare([0.0], [-0.0]).is_equal
    assert compare([0.0], [-0.0], absolute=1e-300).is_equal
    assert compare([0.0], [1.0]).relative == math.inf


@pytest.mark.parametrize("dtype", ["i8", "u8"])
def test_large_integers_do_not_overflow(dtype: str) -> None:
    limits = np.iinfo(dtype)
    difference = compare([limits.min], [limits.max], dtype)
    assert difference.absolute == 2.0**64
    assert compare([limits.max], [limits.max - 1], dtype).absolute == 1


def test_scalars_and_nothing() -> None:
    assert compare(1.0, 2.0).absolute_index == ()
    assert compare([], []).is_equal


def test_text_and_flags() -> None:
    difference = compare([["a", "b"]], [["a", "c"]], "O")
    assert (difference.is_equal, difference.count, difference.first_index) == (False, 1, (0, 1))
    assert difference.absolute is None
    assert not compare([True], [False], "?").is_equal
    assert compare([b"a"], [b"a"], "O").is_equal


def test_what_cannot_be_compared() -> None:
    expected = {"a": np.zeros(2), "b": np.zeros(2), "c": np.zeros(2)}
    actual = {"a": np.zeros(3), "b": np.zeros(2, "f4"), "d": np.zeros(1)}
    problems = {entry.name: entry.problem for entry in compare_outputs(expected, actual)}
    assert problems == {
        "a": "has the shape [3], not [2]",
        "b": "has the type f32, not f64",
        "c": "is missing",
        "d": "is new",
    }


def test_large_arrays_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "_BLOCK", 7)
    before = np.arange(100.0)
    after = before.copy()
    after[[20, 93]] += [1, 5]
    difference = compare(before, after)
    assert (difference.count, difference.first_index, difference.absolute_index) == (2, (20,), (93,))
    assert difference.relative_index == (93,)
