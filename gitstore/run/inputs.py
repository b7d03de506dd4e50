"""Inputs as a person writes them: `images=@data/digits.npz:test_images`, `seed=7`, `prompt=hello`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gitstore.errors import InvalidInput
from gitstore.quoting import quoted
from gitstore.run import datafiles, literals, parameters
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter

FORMS = "write NAME=VALUE, with VALUE in JSON, or NAME=@FILE"


def read_inputs(
    assignments: Sequence[str], definitions: Sequence[Parameter], *, directory: Path = Path()
) -> dict[str, Array]:
    """The arrays that the assignments name, checked against their definitions.

    `NAME=VALUE` is JSON, `NAME=@FILE` a file (see `datafiles`), relative to `directory`. Text needs no
    quotes where a single one is wanted and it could be nothing else in JSON.
    Raises InvalidInput with a line for each problem of any of them.
    """
    by_name = {definition.name: definition for definition in definitions}
    arrays: dict[str, Array] = {}
    given: list[str] = []
    problems: list[str] = []
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator:
            problems.append(f"{quoted(assignment)}: {FORMS}")
        elif name in given:
            problems.append(f"{name}: is given twice")
        elif name in by_name:
            try:
                arrays[name] = _array(text, by_name[name], directory)
            except ValueError as error:
                problems.append(f"{name}: {error}")
        given.append(name)
    problems += parameters.problems(arrays, definitions, given=dict.fromkeys(given))
    if problems:
        raise InvalidInput(problems)
    return arrays


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
