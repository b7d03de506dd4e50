"""Comparing arrays: exactly, or within a tolerance, and where they differ most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gitstore.run.values.ragged import separate
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array, Value

_BLOCK = 1 << 18
"""Elements that are compared at a time, which bounds the memory."""


@dataclass(frozen=True)
class Tolerance:
    """How far numbers may differ: `absolute + relative * |expected|`, as in numpy.allclose.

    `relative` and `absolute` apply to all outputs, `relative_by_name` and `absolute_by_name` to some.
    """

    relative: float = 0.0
    absolute: float = 0.0
    relative_by_name: Mapping[str, float] = field(default_factory=dict)
    absolute_by_name: Mapping[str, float] = field(default_factory=dict)

    def of(self, name: str) -> tuple[float, float]:
        """Return the relative and the absolute tolerance of an output."""
        return (
            self.relative_by_name.get(name, self.relative),
            self.absolute_by_name.get(name, self.absolute),
        )


EXACT = Tolerance()


@dataclass(frozen=True)
class OutputDifference:
    """How an output differs from what is expected of it.

    `is_equal` is within the tolerance. `problem` says why the two cannot be compared: one is missing, or type
    or shape differ. `count` elements of `size` are not equal. Of numbers, `absolute` and `relative` are the
    largest differences, and `absolute_index` and `relative_index` are where. `first_index` is the first
    element that is not equal. Where a number stands against NaN or an infinity, the difference is infinite.
    """

    name: str
    is_equal: bool
    problem: str | None = None
    size: int = 0
    count: int = 0
    first_index: tuple[int, ...] | None = None
    absolute: float | None = None
    absolute_index: tuple[int, ...] | None = None
    relative: float | None = None
    relative_index: tuple[int, ...] | None = None


def compare_outputs(
    expected: Mapping[str, Value], actual: Mapping[str, Value], tolerance: Tolerance = EXACT
) -> list[OutputDifference]:
    """Compare outputs by name. The result has one entry for each name of either side, in their order.

    An element of a ragged output is called NAME[0], NAME[1], ….
    """
    expected, actual = separate(expected), separate(actual)
    return [
        _compare(name, expected.get(name), actual.get(name), tolerance=tolerance)
        for name in dict.fromkeys([*expected, *actual])
    ]


def _compare(
    name: str, expected: Array | None, actual: Array | None, *, tolerance: Tolerance
) -> OutputDifference:
    if expected is None or actual is None:
        return OutputDifference(name, is_equal=False, problem="is missing" if actual is None else "is new")
    for what, first, second in (
        ("type", _name_type(expected), _name_type(actual)),
        ("shape", list(expected.shape), list(actual.shape)),
    ):
        if first != second:
            return OutputDifference(name, is_equal=False, problem=f"has the {what} {second}, not {first}")
    if expected.dtype.kind == "O" or expected.dtype.kind == "b":
        return _compare_items(name, expected, actual)
    relative, absolute = tolerance.of(name.partition("[")[0])
    return _compare_numbers(name, expected, actual, relative=relative, absolute=absolute)


def _name_type(array: Array) -> str | None:
    return tensors.find_element_type(array) if array.size else str(array.dtype)


def _compare_items(name: str, expected: Array, actual: Array) -> OutputDifference:
    different = np.flatnonzero((expected != actual).reshape(-1))
    return OutputDifference(
        name,
        is_equal=not different.size,
        size=expected.size,
        count=int(different.size),
        first_index=_unravel(int(different[0]), expected.shape) if different.size else None,
    )


class _Largest:
    """The largest of many numbers that come in blocks, and its position."""

    def __init__(self) -> None:
        self.value = 0.0
        self.position: int | None = None

    def add(self, values: Array, start: int) -> None:
        if values.size:
            i = int(values.argmax())
            if float(values[i]) > self.value:
                self.value, self.position = float(values[i]), start + i


def _compare_numbers(
    name: str, expected: Array, actual: Array, *, relative: float, absolute: float
) -> OutputDifference:
    largest, largest_relative = _Largest(), _Largest()
    count, first, is_equal = 0, None, True
    for start, before, after in _blocks(expected, actual):
        different = ~_is_same(before, after)
        if not different.any():
            continue
        count += int(different.sum())
        first = start + int(different.argmax()) if first is None else first
        distance = np.where(different, _measure_distance(before, after), 0.0)
        scale = np.abs(before.astype(np.float64))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            share = np.where(distance == 0, 0.0, distance / scale)
            allowed = absolute + np.nan_to_num(relative * scale, nan=0.0, posinf=0.0)
        is_equal = is_equal and bool((~different | ((distance <= allowed) & np.isfinite(distance))).all())
        if relative == absolute == 0:
            is_equal = False  # they may differ in the sign of a zero alone
        largest.add(distance, start)
        largest_relative.add(np.where(np.isnan(share), math.inf, share), start)
    shape = expected.shape
    return OutputDifference(
        name,
        is_equal=is_equal,
        size=expected.size,
        count=count,
        first_index=_unravel(first, shape),
        absolute=largest.value,
        absolute_index=_unravel(largest.position, shape),
        relative=largest_relative.value,
        relative_index=_unravel(largest_relative.position, shape),
    )


def _blocks(expected: Array, actual: Array) -> Iterator[tuple[int, Array, Array]]:
    before, after = expected.reshape(-1), actual.reshape(-1)
    for start in range(0, before.size, _BLOCK):
        yield start, before[start : start + _BLOCK], after[start : start + _BLOCK]


def _is_same(before: Array, after: Array) -> Any:
    """Whether elements are the same: the same number with the same sign, or both NaN."""
    if before.dtype.kind != "f":
        return before == after
    same_sign = np.signbit(before) == np.signbit(after)
    return ((before == after) & same_sign) | (np.isnan(before) & np.isnan(after))


def _measure_distance(before: Array, after: Array) -> Any:
    """Return how far numbers are from each other; infinite where one is NaN or infinite."""
    if before.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.abs(after.astype(np.float64) - before.astype(np.float64))
        return np.where(np.isnan(distance), math.inf, distance)
    # As unsigned numbers, the difference of two integers of 64 bits does not overflow.
    unsigned = np.dtype(f"u{before.dtype.itemsize}")
    low, high = np.minimum(before, after), np.maximum(before, after)
    return (high.view(unsigned) - low.view(unsigned)).astype(np.float64)


def _unravel(position: int | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if position is None:
        return None
    return tuple(int(i) for i in np.unravel_index(position, shape)) if shape else ()
