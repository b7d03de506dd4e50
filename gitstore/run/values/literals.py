"""Making arrays of values in JSON or CSV, of the types that settings.yaml allows.

A literal has no element type, so it takes the first allowed type that holds all of its values:

    bool                     true and false
    i8 … u64                 whole numbers in the type's range; 1.0 is one
    f16 f32 f64              numbers; whole ones exactly (16777217 is no f32), fractions rounded as usual,
                             unless they become infinite; "NaN", "Infinity" and "-Infinity"
    string                   text
    binary image audio video text that is base64 (RFC 4648)

The spelling of NaN and the infinities, and base64 for bytes, are those of Protocol Buffers' JSON.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np

from gitstore.run.worker import tensors
from gitstore.run.worker.payload import MAX_DIMENSIONS
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter

SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

SHOWN = 40
"""The most characters of a value in a message, enough to recognise it."""


def make_value(value: object, definition: Parameter) -> Array | list[Array]:
    """Return the array of a JSON value, or the arrays of a ragged one. Raises like `make_array`."""
    if not definition.ragged:
        return make_array(value, definition.types)
    if not isinstance(value, list):
        raise ValueError("is ragged: it must be a list of lists")  # noqa: TRY004 - a wrong value
    elements = [_flatten(item) for item in value]
    flat = _choose_type([leaf for _, leaves in elements for leaf in leaves], definition.types)
    ends = itertools.accumulate(len(leaves) for _, leaves in elements)
    return [
        flat[end - len(leaves) : end].reshape(shape)
        for end, (shape, leaves) in zip(ends, elements, strict=True)
    ]


def make_array(value: object, types: Sequence[str]) -> Array:
    """Return the array of a JSON value, or of nested lists of values.

    Raises ValueError with a reason that can follow the value's name and a colon.
    """
    shape, leaves = _flatten(value)
    return _choose_type(leaves, types).reshape(shape)


def _choose_type(leaves: list[object], types: Sequence[str]) -> Array:
    """Return the leaves as a flat array of the first type that can hold them all."""
    misfits = []
    for type_name in types:
        try:
            return _convert(leaves, type_name)
        except _Misfit as misfit:
            misfits.append(f"{_abbreviate(misfit.args[0])} does not fit {type_name}")
    raise ValueError("; ".join(misfits))


class _Misfit(Exception):
    """A value that a type cannot hold."""


def _flatten(value: object) -> tuple[tuple[int, ...], list[object]]:
    """Return the shape of nested lists, and their values row by row."""
    shape: list[int] = []
    level: list[Any] = [value]
    while any(isinstance(item, list) for item in level):
        lengths = {len(item) if isinstance(item, list) else -1 for item in level}
        if len(lengths) > 1:
            raise ValueError("lists on the same level differ in length")
        shape += lengths
        if len(shape) > MAX_DIMENSIONS:
            raise ValueError(f"lists are nested more than {MAX_DIMENSIONS} levels deep")
        level = [inner for item in level for inner in item]
    return tuple(shape), level


def _convert(leaves: list[object], type_name: str) -> Array:
    """Return the leaves as a flat array. Raises _Misfit with the first that the type cannot hold."""
    if type_name not in tensors.NUMERIC:
        convert = _check_text if type_name == tensors.STRING else _decode_bytes
        items = np.empty(len(leaves), object)
        items[:] = [convert(leaf) for leaf in leaves]
        return items
    dtype = tensors.NUMERIC[type_name]
    numbers: dict[str, Callable[[list[object], np.dtype[Any]], Array]] = {
        "b": _convert_bools,
        "f": _convert_floats,
    }
    return numbers.get(dtype.kind, _convert_integers)(leaves, dtype)


def _convert_bools(leaves: list[object], dtype: np.dtype[Any]) -> Array:
    for leaf in leaves:
        if not isinstance(leaf, bool):
            raise _Misfit(leaf)
    return np.array(leaves, dtype)


def _convert_integers(leaves: list[object], dtype: np.dtype[Any]) -> Array:
    limits = np.iinfo(dtype)
    integers = []
    for leaf in leaves:
        # NaN and the infinities are refused, too: for these, x // 1 is NaN.
        if not _is_number(leaf) or leaf != leaf // 1 or not limits.min <= leaf <= limits.max:
            raise _Misfit(leaf)
        integers.append(int(leaf))
    return np.array(integers, dtype)


def _convert_floats(leaves: list[object], dtype: np.dtype[Any]) -> Array:
    rounded = np.empty(len(leaves), dtype)
    with np.errstate(over="ignore"):
        for i, leaf in enumerate(leaves):
            number = SPECIAL_FLOATS.get(leaf) if isinstance(leaf, str) else leaf
            if not _is_number(number):
                raise _Misfit(leaf)
            try:
                rounded[i] = number
            except OverflowError:
                raise _Misfit(leaf) from None
            if not _can_hold(number, rounded[i].item()):
                raise _Misfit(leaf)
    return rounded


def _can_hold(number: float, rounded: float) -> bool:
    """Whether a float type that rounds a number to `rounded` can hold the number."""
    if isinstance(number, int):
        return rounded == number
    return not math.isinf(rounded) or math.isinf(number)


def _is_number(leaf: object) -> TypeGuard[int | float]:
    return isinstance(leaf, int | float) and not isinstance(leaf, bool)


def _check_text(leaf: object) -> str:
    if not isinstance(leaf, str):
        raise _Misfit(leaf)
    return leaf


def _decode_bytes(leaf: object) -> bytes:
    try:
        return base64.b64decode(_check_text(leaf), validate=True)
    except ValueError:
        raise _Misfit(leaf) from None


def _abbreviate(leaf: object) -> str:
    text = json.dumps(leaf)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
