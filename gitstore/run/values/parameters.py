"""Checking arrays against the parameters in settings.yaml: names, element types, shapes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from gitstore.errors import InvalidInput, InvalidOutput
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter
from gitstore.text import quoted


def check_inputs(values: Mapping[str, Any], definitions: Sequence[Parameter]) -> dict[str, Array]:
    """Return the values as arrays for an operation. Raises InvalidInput with a line for each problem."""
    arrays: dict[str, Array] = {}
    lines: list[str] = []
    for name, value in values.items():
        try:
            arrays[name] = tensors.normalise(value)
        except ValueError as error:
            lines.append(f"{name}: {error}")
    lines += list_problems(arrays, definitions, names=values)
    if lines:
        raise InvalidInput(lines)
    return _give_types(arrays, definitions)


def check_outputs(arrays: Mapping[str, Array], definitions: Sequence[Parameter]) -> dict[str, Array]:
    """Return the outputs of evaluate() as arrays. Raises InvalidOutput with a line for each problem."""
    lines = list_problems(arrays, definitions)
    if lines:
        raise InvalidOutput("\n".join(lines), phase="evaluate")
    return _give_types(arrays, definitions)


def list_problems(
    arrays: Mapping[str, Array], definitions: Sequence[Parameter], *, names: Collection[str] | None = None
) -> list[str]:
    """Return a line for each array that does not match its definition, and for each missing one.

    `names` are the names of all values, if some have no array because their problem is reported already.
    """
    names = arrays.keys() if names is None else names
    by_name = {definition.name: definition for definition in definitions}
    lines = [explain_unknown(name, by_name) for name in names if name not in by_name]
    for definition in definitions:
        if definition.name in arrays:
            lines += _list_array_problems(arrays[definition.name], definition)
        elif definition.required and definition.name not in names:
            lines.append(f"{definition.name}: is missing, but settings.yaml requires it")
    return lines


def explain_unknown(name: str, names: Collection[str]) -> str:
    """Return the line for a name that settings.yaml does not define, with the name that is most similar."""
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"it has {', '.join(names)}" if names else "it has none"
    if close:
        hint = f"did you mean {close[0]}?"
    shown = name if name.isidentifier() else quoted(name)
    return f"{shown}: settings.yaml has no parameter of this name; {hint}"


def _list_array_problems(array: Array, definition: Parameter) -> Iterator[str]:
    if not _is_type_allowed(array, definition):
        allowed = ", ".join(definition.types)
        type_name = tensors.find_element_type(array)
        yield f"{definition.name}: type is {type_name}, but settings.yaml allows {allowed}"
    if not _is_shape_allowed(array.shape, definition.shape):
        shape = definition.shape
        yield f"{definition.name}: shape is {array.shape}, but settings.yaml asks for {shape}"


def _is_type_allowed(array: Array, definition: Parameter) -> bool:
    type_name = tensors.find_element_type(array)
    if type_name == "binary":
        return not set(tensors.BINARY).isdisjoint(definition.types)
    return type_name in definition.types or _is_typeless(array)


def _is_typeless(array: Array) -> bool:
    return array.dtype.kind == "O" and array.size == 0


def _give_types(arrays: Mapping[str, Array], definitions: Sequence[Parameter]) -> dict[str, Array]:
    """Return the arrays. Those of empty lists get the first type that their definition allows."""
    types = {definition.name: definition.types[0] for definition in definitions}
    return {
        name: array.astype(tensors.NUMERIC.get(types[name], object)) if _is_typeless(array) else array
        for name, array in arrays.items()
    }


def _is_shape_allowed(shape: tuple[int, ...], allowed: tuple[int, ...]) -> bool:
    return len(shape) == len(allowed) and all(
        limit in (-1, length) for length, limit in zip(shape, allowed, strict=True)
    )
