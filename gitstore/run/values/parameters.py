"""Arrays against the parameters that settings.yaml defines: names, element types, shapes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from gitstore.errors import InvalidInput, InvalidOutput
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter
from gitstore.text import quoted


def checked_inputs(values: Mapping[str, Any], definitions: Sequence[Parameter]) -> dict[str, Array]:
    """The values as the arrays that an operation gets.

    Raises InvalidInput with a line for each thing that is wrong with any of them.
    """
    arrays: dict[str, Array] = {}
    lines: list[str] = []
    for name, value in values.items():
        try:
            arrays[name] = tensors.normalised(value)
        except ValueError as error:
            lines.append(f"{name}: {error}")
    lines += problems(arrays, definitions, names=values)
    if lines:
        raise InvalidInput(lines)
    return _typed(arrays, definitions)


def checked_outputs(arrays: Mapping[str, Array], definitions: Sequence[Parameter]) -> dict[str, Array]:
    """What evaluate() gave, as promised. Raises InvalidOutput, with a line for each problem, if it is not."""
    lines = problems(arrays, definitions)
    if lines:
        raise InvalidOutput("\n".join(lines), phase="evaluate")
    return _typed(arrays, definitions)


def problems(
    arrays: Mapping[str, Array], definitions: Sequence[Parameter], *, names: Collection[str] | None = None
) -> list[str]:
    """A line for each array that is not as defined, and for each that is missing.

    `names` are those of all values, if some of them could not be made arrays and are reported already.
    """
    names = arrays.keys() if names is None else names
    by_name = {definition.name: definition for definition in definitions}
    lines = [unknown(name, by_name) for name in names if name not in by_name]
    for definition in definitions:
        if definition.name in arrays:
            lines += _array_problems(arrays[definition.name], definition)
        elif definition.required and definition.name not in names:
            lines.append(f"{definition.name}: is missing, but settings.yaml requires it")
    return lines


def unknown(name: str, names: Collection[str]) -> str:
    """The line for a name that settings.yaml does not define, with the one that was likely meant."""
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"it has {', '.join(names)}" if names else "it has none"
    if close:
        hint = f"did you mean {close[0]}?"
    shown = name if name.isidentifier() else quoted(name)
    return f"{shown}: settings.yaml has no parameter of this name; {hint}"


def _array_problems(array: Array, definition: Parameter) -> Iterator[str]:
    if not _type_allowed(array, definition):
        allowed = ", ".join(definition.types)
        type_name = tensors.element_type(array)
        yield f"{definition.name}: type is {type_name}, but settings.yaml allows {allowed}"
    if not _shape_allowed(array.shape, definition.shape):
        shape = definition.shape
        yield f"{definition.name}: shape is {array.shape}, but settings.yaml asks for {shape}"


def _type_allowed(array: Array, definition: Parameter) -> bool:
    type_name = tensors.element_type(array)
    if type_name == "binary":
        return not set(tensors.BINARY).isdisjoint(definition.types)
    return type_name in definition.types or _is_typeless(array)


def _is_typeless(array: Array) -> bool:
    return array.dtype.kind == "O" and array.size == 0


def _typed(arrays: Mapping[str, Array], definitions: Sequence[Parameter]) -> dict[str, Array]:
    """The arrays, with those that came of empty lists in the first type that their definition allows."""
    types = {definition.name: definition.types[0] for definition in definitions}
    return {
        name: array.astype(tensors.NUMERIC.get(types[name], object)) if _is_typeless(array) else array
        for name, array in arrays.items()
    }


def _shape_allowed(shape: tuple[int, ...], allowed: tuple[int, ...]) -> bool:
    return len(shape) == len(allowed) and all(
        limit in (-1, length) for length, limit in zip(shape, allowed, strict=True)
    )
