"""Element types: their names, their form in numpy, and converting values of models to arrays.

Numbers are arrays of their dtype, little-endian. Text is an object array of `str`. Binary data is an object
array of `bytes` (`binary`, `image`, `audio`, `video`: only the name says how to read the bytes). numpy's
own fixed-width text and bytes would lose NULs at the end.

A ragged value is a list of such arrays, of one type and one number of dimensions, but of different shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
else:
    Array = np.ndarray

Value = Union[Array, list[Array]]
"""A value of a parameter: an array, or a *ragged* one, the arrays of its elements."""

NUMERIC: dict[str, np.dtype[Any]] = {
    "f16": np.dtype("<f2"),
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
    "i8": np.dtype("i1"),
    "i16": np.dtype("<i2"),
    "i32": np.dtype("<i4"),
    "i64": np.dtype("<i8"),
    "u8": np.dtype("u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
    "u64": np.dtype("<u8"),
    "bool": np.dtype("?"),
}
STRING = "string"
BINARY = ("binary", "image", "audio", "video")


class KeptArray(np.ndarray):
    """An array that `normalise` does not make a plain one of, since it knows more than its elements."""


_NAMES = {(dtype.kind, dtype.itemsize): name for name, dtype in NUMERIC.items()}
_TEXT_KINDS = "SUT"  # numpy's bytes, str and variable-width str


def find_element_type(array: Array) -> str | None:
    """Return the name of the array's element type, or None if gitstore has no name for it.

    Objects are `string` if all of them are str, and `binary` if all are bytes. An empty object array is
    `string`, but may be of any type.
    """
    if array.dtype.kind != "O":
        return _NAMES.get((array.dtype.kind, array.dtype.itemsize))
    classes = set(map(type, array.flat))
    if classes <= {str}:
        return STRING
    return "binary" if classes == {bytes} else None


def find_value_type(value: Value) -> str | None:
    """Return the name of a value's element type, like `find_element_type`. A ragged value has one type."""
    if not isinstance(value, list):
        return find_element_type(value)
    names = {find_element_type(element) for element in value if element.size or element.dtype.kind != "O"}
    return names.pop() if len(names) == 1 else (None if names else STRING)


def find_dtype(value: Value) -> np.dtype[Any]:
    """Return numpy's type of a value's elements. Without any, a ragged value has the type of objects."""
    if isinstance(value, list):
        return value[0].dtype if value else np.dtype(object)
    return value.dtype


def find_shape(value: Value) -> tuple[int, ...]:
    """Return the shape of a value. Of a ragged one, dimensions that differ between elements are -1."""
    if not isinstance(value, list):
        return value.shape
    shapes = {element.shape for element in value}
    lengths = map(set, zip(*shapes))
    return (len(value), *(length.pop() if len(length) == 1 else -1 for length in lengths))


def normalise_ragged(value: object) -> list[Array]:
    """Convert a list of arrays, or an array, to the arrays of a ragged value, each like `normalise`.

    Raises ValueError with a reason that can follow the value's name and a colon.
    """
    if not isinstance(value, (list, tuple, np.ndarray)) or (isinstance(value, np.ndarray) and not value.ndim):
        raise ValueError(f"is ragged: it must be a list of arrays, not one {type(value).__name__}")
    elements = [normalise(element) for element in value]
    if len({element.ndim for element in elements}) > 1:
        raise ValueError("is ragged, and its elements have different numbers of dimensions")
    types = {find_element_type(element) for element in elements if not is_typeless(element)}
    if len(types) > 1:
        names = ", ".join(sorted(map(str, types)))
        raise ValueError(f"is ragged, and its elements have different types: {names}")
    if types and None not in types:
        dtype = NUMERIC.get(str(types.pop()), np.dtype(object))
        elements = [element.astype(dtype) if is_typeless(element) else element for element in elements]
    return elements


def is_typeless(array: Array) -> bool:
    """Whether an array may be of any type: an empty list has none."""
    return array.dtype.kind == "O" and array.size == 0


def normalise(value: object) -> Array:
    """Convert a value to an array in C order, little-endian, with text and bytes as objects.

    Raises ValueError with a reason that can follow the value's name and a colon.
    """
    try:
        array = value if isinstance(value, KeptArray) else np.asarray(value)
        if array.dtype.kind in _TEXT_KINDS:
            array = _as_objects(value, array)
        elif array.size == 0 and not isinstance(value, np.ndarray):
            # numpy makes an empty list f64. As an empty object array, it may be of any type.
            array = array.astype(object)
    except Exception as error:
        raise ValueError(f"is not an array: {type(error).__name__}: {error}") from error
    name = find_element_type(array)
    if name is None:
        raise ValueError(
            "holds objects that are neither all str nor all bytes"
            if array.dtype.kind == "O"
            else f"type is {array.dtype}, which gitstore does not have"
        )
    if name == STRING and not all(map(_is_unicode, array.flat)):
        raise ValueError("holds text that is not Unicode: a lone surrogate")
    dtype = NUMERIC.get(name, array.dtype)
    return array.astype(dtype, order="C", copy=False)


def _as_objects(value: object, array: Array) -> Array:
    """Return text as str and bytes, from the value itself if numpy has not yet cut off its NULs."""
    source = array if isinstance(value, np.ndarray) else np.array(value, dtype=object)
    objects: Array = source.astype(object)
    return objects


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
