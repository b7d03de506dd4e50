"""What an operation gets: assignments (`images=@data/digits.npz:test_images`, `seed=7`), or arrays.

numpy is loaded only when they are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gitstore.settings.schema import Parameter

if TYPE_CHECKING:
    from gitstore.run.worker.tensors import Value


class Inputs(Protocol):
    """The inputs of an operation. They are read when their definitions in settings.yaml are known."""

    def read(self, definitions: Sequence[Parameter]) -> dict[str, Value]:
        """Return the values as arrays. Raises InvalidInput with a line for each problem."""


@dataclass(frozen=True)
class Assignments:
    """Inputs as assignments; see `reading.read_inputs`. Files are relative to `directory`."""

    texts: Sequence[str]
    directory: Path

    def read(self, definitions: Sequence[Parameter]) -> dict[str, Value]:
        from gitstore.run.values.reading import read_inputs

        return read_inputs(self.texts, definitions, directory=self.directory)


@dataclass(frozen=True)
class Arrays:
    """Inputs by name, as arrays or values that numpy can convert to arrays.

    Python's own numbers and lists of numbers have no element type, so they take the first type in
    settings.yaml that can hold them (see `literals`).
    """

    values: Mapping[str, object]

    def read(self, definitions: Sequence[Parameter]) -> dict[str, Value]:
        from gitstore.run.values.reading import convert_values

        return convert_values(self.values, definitions)
