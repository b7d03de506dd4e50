"""Checking arrays against the parameters in settings.yaml: names, element types, shapes."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gitstore.errors import InvalidInput, InvalidOutput
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Value
from gitstore.settings.schema import Parameter
from gitstore.text import quoted


def check_inputs(values: Mapping[str, Any], definitions: Sequence[Parameter]) -> dict[str, Value]:
    """Return the values as arrays for an operation. Raises InvalidInput with a line for each problem."""
    by_name = {definition.name: definition for definition in definitions}
    arrays: dict[str, Value] = {}
    lines: list[str] = []
    for name, value in values.items():
        try:
            arrays[name] = convert(value, by_name.get(name))
        except ValueError as error:
            lines.append(f"{name}: {error}")
    lines += list_problems(arrays, definitions, names=values)
    if lines:
        raise InvalidInput(lines)
    return _give_types(arrays, definitions)


def convert(value: object, definition: Parameter | None) -> Value:
    """Return a value as an array, or as a list of arrays if its definition says that it is ragged.

    Raises ValueError with a reason that can follow the value's name and a colon.
    """
    is_ragged = definition is not None and definition.ragged
    return tensors.normalise_ragged(value) if is_ragged else tensors.normalise(value)


def check_outputs(values: Mapping[str, Value], definitions: Sequence[Parameter]) -> dict[str, Value]:
    """Return the outputs of evaluate(). Raises InvalidOutput with a line for each problem."""
    lines = list_problems(values, definitions)
    if lines:
        raise InvalidOutput("\n".join(lines), phase="evaluate")
    return _give_types(values, definitions)


def list_problems(
    values: Mapping[str, Value], definitions: Sequence[Parameter], *, names: Collection[str] | None = None
) -> list[str]:
    """Return a line for each value that does not match its definition, and for each missing one.

    `names` are the names of all values, if some are missing here because their problem is reported already.
    """
    names = values.keys() if names is None else names
    by_name = {definition.name: definition for definition in definitions}
    lines = [explain_unknown(name, by_name) for name in names if name not in by_name]
    for definition in definitions:
        if definition.name in values:
            lines += _list_value_problems(values[definition.name], definition)
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


def _list_value_problems(value: Value, definition: Parameter) -> Iterator[str]:
    name = definition.name
    if isinstance(value, list) != definition.ragged:
        is_or_not = "is ragged" if isinstance(value, list) else "is one array"
        yield f"{name}: {is_or_not}, but settings.yaml says ragged: {str(definition.ragged).lower()}"
        return
    type_name = tensors.find_value_type(value)
    if not _is_type_allowed(type_name, definition) and not _is_typeless(value):
        yield f"{name}: type is {type_name}, but settings.yaml allows {', '.join(definition.types)}"
    shape = tensors.find_shape(value)
    # The dimensions of a ragged value without elements are not known.
    is_unknown = isinstance(value, list) and not value
    if not is_unknown and not _is_shape_allowed(shape, definition.shape):
        yield f"{name}: shape is {shape}, but settings.yaml asks for {definition.shape}"


def _is_type_allowed(type_name: str | None, definition: Parameter) -> bool:
    if type_name == "binary":
        return not set(tensors.BINARY).isdisjoint(definition.types)
    return type_name in definition.types


def _is_typeless(value: Value) -> bool:
    arrays = value if isinstance(value, list) else [value]
    return all(map(tensors.is_typeless, arrays))


def _give_types(values: Mapping[str, Value], definitions: Sequence[Parameter]) -> dict[str, Value]:
    """Return the values. Those of empty lists get the first type that their definition allows."""
    dtypes = {
        definition.name: tensors.NUMERIC.get(definition.types[0], np.dtype(object))
        for definition in definitions
    }
    return {
        name: _change_type(value, dtypes[name]) if _is_typeless(value) else value
        for name, value in values.items()
    }


def _change_type(value: Value, dtype: np.dtype[Any]) -> Value:
    return [element.astype(dtype) for element in value] if isinstance(value, list) else value.astype(dtype)


def _is_shape_allowed(shape: tuple[int, ...], allowed: tuple[int, ...]) -> bool:
    return len(shape) == len(allowed) and all(
        limit in (-1, length) for length, limit in zip(shape, allowed, strict=True)
    )
