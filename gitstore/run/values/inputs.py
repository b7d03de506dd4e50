"""Inputs: as a person writes them (`images=@data/digits.npz:test_images`, `seed=7`), or as arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from gitstore.errors import InvalidInput
from gitstore.run.values import batches, datafiles, literals, parameters
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter
from gitstore.text import quoted

FORMS = "write NAME=VALUE, with VALUE in JSON, or NAME=@FILE"


class Inputs(Protocol):
    """Values for an operation, which are read when it is known what settings.yaml asks for."""

    def read(self, definitions: Sequence[Parameter]) -> dict[str, Array]:
        """The values as arrays. Raises InvalidInput with a line for each problem of any of them."""


@dataclass(frozen=True)
class Assignments:
    """Inputs as a person writes them; see `read_inputs`. Files are relative to `directory`."""

    texts: Sequence[str]
    directory: Path

    def read(self, definitions: Sequence[Parameter]) -> dict[str, Array]:
        return read_inputs(self.texts, definitions, directory=self.directory)


@dataclass(frozen=True)
class Arrays:
    """Inputs by name, as arrays or whatever numpy makes one of.

    Numbers and lists of numbers that are plain Python have no element type, so they take the first type in
    settings.yaml that holds them (see `literals`).
    """

    values: Mapping[str, object]

    def read(self, definitions: Sequence[Parameter]) -> dict[str, Array]:
        types = {definition.name: definition.types for definition in definitions}
        arrays, problems = dict[str, Array](), list[str]()
        for name, value in self.values.items():
            is_literal = name in types and _is_literal(value)
            try:
                arrays[name] = tensors.normalised(
                    literals.array_of(value, types[name]) if is_literal else value
                )
            except ValueError as error:
                problems.append(f"{name}: {error}")
        problems += parameters.problems(arrays, definitions, names=self.values)
        if problems:
            raise InvalidInput(problems, "types in settings.yaml lists the inputs of the operation")
        return arrays


def _is_literal(value: object) -> bool:
    """Whether a value is a plain number, or lists of them: numpy would choose the type by itself."""
    return type(value) in (bool, int, float) or (type(value) is list and all(map(_is_literal, value)))


def read_inputs(
    assignments: Sequence[str], definitions: Sequence[Parameter], *, directory: Path = Path()
) -> dict[str, Array]:
    """The arrays that the assignments name, checked against their definitions.

    `NAME=VALUE` is JSON, `NAME=@FILE` a file (see `datafiles`), relative to `directory`. Text needs no
    quotes where a single one is wanted and it could be nothing else in JSON. A name that is given again, a
    pattern and a list make a batch (see `batches`).
    Raises InvalidInput with a line for each problem of any of them.
    """
    by_name = {definition.name: definition for definition in definitions}
    arrays: dict[str, Array] = {}
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
                arrays[name] = _value(texts, by_name[name], directory)
            except ValueError as error:
                problems.append(f"{name}: {error}")
    problems += parameters.problems(arrays, definitions, names=texts_by_name)
    if problems:
        raise InvalidInput(problems, _hint(arrays, texts_by_name, by_name))
    return arrays


def _hint(
    arrays: Mapping[str, Array], texts_by_name: Mapping[str, Sequence[str]], by_name: Mapping[str, Parameter]
) -> str | None:
    """Say how a single value is given where settings.yaml asks for a batch, if that would help."""
    for name, array in arrays.items():
        texts, shape = texts_by_name[name], by_name[name].shape
        is_one_file = len(texts) == 1 and texts[0].startswith("@")
        if is_one_file and -1 in shape and array.ndim == len(shape) - 1:
            return f"for a batch, even of one, give a pattern or a list: {name}=@DIR/*.png, {name}=@@LIST"
    return None


def _value(texts: Sequence[str], definition: Parameter, directory: Path) -> Array:
    """The array of all that was given for a parameter."""
    values = batches.expand(texts, directory)
    if values.is_batch:
        return batches.read(values, definition, lambda text, single: _array(text, single, directory))
    return _array(values.texts[0], definition, directory)


def _array(text: str, definition: Parameter, directory: Path) -> Array:
    if text.startswith("@"):
        return datafiles.read(text[1:], definition, directory)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if tensors.STRING in definition.types and definition.shape == ():
            return tensors.normalised(np.array(text, dtype=object))
        meant = f"did you mean @{text}?" if Path(text).suffix.lower() in datafiles.KINDS else FORMS
        raise ValueError(f"{quoted(text)} is not JSON; {meant}") from error
    return tensors.normalised(literals.array_of(value, definition.types))
