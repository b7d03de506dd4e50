"""How the outputs of an evaluation are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.run.supervisor import Evaluation


def show_outputs(evaluated: Evaluation, directory: Path | None, *, as_json: bool) -> None:
    """Print outputs as JSON, or write them to files in a directory and print their paths."""
    from gitstore.run.values import outputs

    if directory is None:
        output.print_json(outputs.to_json(evaluated.outputs))
        return
    paths = outputs.write(evaluated.outputs, directory)
    if as_json:
        files = [str(path.resolve()) for path in paths]
        facts = {"unlocked": evaluated.workplace.is_unlocked, "sandbox": evaluated.sandbox}
        output.print_json({"files": files, **facts})
        return
    for path in paths:
        output.print_data(str(path))
