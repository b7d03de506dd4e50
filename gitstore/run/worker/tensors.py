"""Element types: their names, how numpy holds them, and how a model's values become arrays.

Numbers are arrays of their dtype, little-endian. Text is an object array of `str`. Binary data
(`binary`, `image`, `audio`, `video`: the bytes are the same, the names say how to read them) is an
object array of `bytes`: numpy's own fixed-width text and bytes lose NULs at the end.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

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

_NAMES = {(dtype.kind, dtype.itemsize): name for name, dtype in NUMERIC.items()}
_TEXT_KINDS = "SUT"  # numpy's bytes, str and variable-width str


def element_type(array: Array) -> str | None:
    """The name of the array's element type, or None where gitstore has no name for it.

    Objects are `string` if all of them are str and `binary` if all are bytes. None at all are called
    `string`, and are of any type.
    """
    if array.dtype.kind != "O":
        return _NAMES.get((array.dtype.kind, array.dtype.itemsize))
    classes = set(map(type, array.flat))
    if classes <= {str}:
        return STRING
    return "binary" if classes == {bytes} else None


def normalised(value: object) -> Array:
    """The array that an array-like value is, in C order, little-endian, text and bytes as objects.

    Raises ValueError with a reason that reads well behind the value's name and a colon.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind in _TEXT_KINDS:
            array = _as_objects(value, array)
        elif array.size == 0 and not isinstance(value, np.ndarray):
            # To numpy an empty list is f64. It is of no type at all, as no objects are.
            array = array.astype(object)
    except Exception as error:
        raise ValueError(f"is not an array: {type(error).__name__}: {error}") from error
    name = element_type(array)
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
    """Text as plain str and bytes, taken from the value itself where numpy has not yet cut it."""
    source = array if isinstance(value, np.ndarray) else np.array(value, dtype=object)
    objects: Array = source.astype(object)
    return objects


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
