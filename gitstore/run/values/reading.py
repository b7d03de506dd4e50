"""Reading inputs: from texts and files, or from values that numpy can convert."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gitstore.errors import InvalidInput
from gitstore.run.values import batches, datafiles, literals, parameters
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Value
from gitstore.settings.schema import Parameter
from gitstore.text import quoted

FORMS = "write NAME=VALUE, with VALUE in JSON, or NAME=@FILE"


def convert_values(values: Mapping[str, object], definitions: Sequence[Parameter]) -> dict[str, Value]:
    """Return arrays of values, checked against their definitions; see `inputs.Arrays`.

    Raises InvalidInput with a line for each problem.
    """
    by_name = {definition.name: definition for definition in definitions}
    arrays: dict[str, Value] = {}
    problems: list[str] = []
    for name, value in values.items():
        definition = by_name.get(name)
        try:
            if definition is not None and _is_literal(value):
                value = literals.make_value(value, definition)
            arrays[name] = parameters.convert(value, definition)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    problems += parameters.list_problems(arrays, definitions, names=values)
    if problems:
        raise InvalidInput(problems, "types in settings.yaml lists the inputs of the operation")
    return arrays


def _is_literal(value: object) -> bool:
    """Whether a value is a Python number or lists of numbers, for which numpy would choose a type itself."""
    return type(value) in (bool, int, float) or (type(value) is list and all(map(_is_literal, value)))


def read_inputs(
    assignments: Sequence[str], definitions: Sequence[Parameter], *, directory: Path = Path()
) -> dict[str, Value]:
    """Return the arrays of assignments, checked against their definitions.

    `NAME=VALUE` is JSON, `NAME=@FILE` a file (see `datafiles`), relative to `directory`. A single text needs
    no quotes if it is not valid JSON. A repeated name, a pattern or a list makes a batch (see `batches`).
    Raises InvalidInput with a line for each problem.
    """
    by_name = {definition.name: definition for definition in definitions}
    arrays: dict[str, Value] = {}
    texts_by_name: dict[str, list[str]] = {}
    problems: list[str] = []
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        texts = texts_by_name.setdefault(name, [])
        if separator:
            texts.append(text)
        else:
            problems.append(f"{quoted(assignment)}: {FORMS}")
    for name, texts in texts_by_name.items():
        if name in by_name and texts:
            try:
                arrays[name] = _read_value(texts, by_name[name], directory)
            except ValueError as error:
                problems.append(f"{name}: {error}")
    problems += parameters.list_problems(arrays, definitions, names=texts_by_name)
    if problems:
        raise InvalidInput(problems, _suggest_batch(arrays, texts_by_name, by_name))
    return arrays


def _suggest_batch(
    arrays: Mapping[str, Value], texts_by_name: Mapping[str, Sequence[str]], by_name: Mapping[str, Parameter]
) -> str | None:
    """Return a hint how to give a single value if settings.yaml requires a batch; else `None`."""
    for name, array in arrays.items():
        texts, shape = texts_by_name[name], by_name[name].shape
        is_one_file = len(texts) == 1 and texts[0].startswith("@")
        if is_one_file and -1 in shape and len(tensors.find_shape(array)) == len(shape) - 1:
            return f"for a batch, even of one, give a pattern or a list: {name}=@DIR/*.png, {name}=@@LIST"
    return None


def _read_value(texts: Sequence[str], definition: Parameter, directory: Path) -> Value:
    """Return the array of all values of a parameter."""
    values = batches.expand_texts(texts, directory)
    if not values.is_batch:
        return _read_text(values.texts[0], definition, directory)
    value = batches.read_batch(values, definition, lambda text, single: _read_text(text, single, directory))
    return parameters.convert(value, definition)


def _read_text(text: str, definition: Parameter, directory: Path) -> Value:
    if text.startswith("@"):
        return parameters.convert(datafiles.read(text[1:], definition, directory), definition)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if tensors.STRING in definition.types and definition.shape == ():
            return tensors.normalise(np.array(text, dtype=object))
        hint = f"did you mean @{text}?" if Path(text).suffix.lower() in datafiles.KINDS else FORMS
        raise ValueError(f"{quoted(text)} is not JSON; {hint}") from error
    return parameters.convert(literals.make_value(value, definition), definition)
