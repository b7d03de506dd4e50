"""Ragged values where only arrays are known: each element is an array called NAME[0], NAME[1], …"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitstore.run.worker.tensors import Array, Value
from gitstore.settings.schema import Parameter


def separate(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without lists: the elements of a ragged one have names of their own."""
    separated: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list):
            separated |= {f"{name}[{index}]": element for index, element in enumerate(value)}
        else:
            separated[name] = value
    return separated


def join(arrays: Mapping[str, Value], definitions: Sequence[Parameter]) -> dict[str, Value]:
    """Return the values of which `separate` made these arrays.

    A ragged value without elements has left no trace: it is there again if its definition requires it.
    """
    joined = dict(arrays)
    for definition in definitions:
        if not definition.ragged or definition.name in joined:
            continue
        elements: list[Array] = []
        while (element := joined.pop(f"{definition.name}[{len(elements)}]", None)) is not None:
            elements += element if isinstance(element, list) else [element]
        if elements or definition.required:
            joined[definition.name] = elements
    return joined
