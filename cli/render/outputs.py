"""How the outputs of an evaluation are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.run.supervisor import Evaluation


def show_outputs(evaluated: Evaluation, directory: Path | None, *, as_json: bool) -> None:
    """The outputs as JSON, or the files that they are written to in `directory`."""
    from gitstore.run.values import outputs

    if directory is None:
        output.print_json(outputs.to_json(evaluated.outputs))
        return
    unlocked = evaluated.workplace.is_unlocked
    show_files(outputs.write(evaluated.outputs, directory), unlocked=unlocked, as_json=as_json)


def show_files(paths: Sequence[Path], *, unlocked: bool, as_json: bool) -> None:
    """The files that outputs were written to."""
    if as_json:
        output.print_json({"files": [str(path.resolve()) for path in paths], "unlocked": unlocked})
        return
    for path in paths:
        output.print_data(str(path))
