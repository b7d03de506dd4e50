"""How the outputs of an evaluation are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.batch.batch import BatchResult
    from gitstore.run.supervisor import Evaluation


def show_outputs(evaluated: Evaluation, directory: Path | None, *, record: str | None, as_json: bool) -> None:
    """Print outputs as JSON, or write them to files in a directory and print their paths.

    With `as_json`, the outputs or the paths are in an object that also says how the evaluation ran. `record`
    is the name of its record.
    """
    from gitstore.run.values import outputs

    paths = outputs.write(evaluated.outputs, directory) if directory is not None else []
    values = outputs.to_json(evaluated.outputs) if directory is None else None
    if as_json:
        facts = {"record": record, "durations": dict(evaluated.durations), **evaluated.workplace.describe()}
        output.print_json({"outputs": values, "files": [str(path.resolve()) for path in paths], **facts})
        return
    if values is not None:
        output.print_json(values)
    for path in paths:
        output.print_data(str(path))


def show_batch(result: BatchResult, directory: Path, *, as_json: bool) -> None:
    """Print the paths of the outputs of a batch, or what became of it as JSON."""
    if not as_json:
        for path in result.files:
            output.print_data(str(directory / path.name))
        return
    output.print_json(
        {
            "files": [str(path.resolve()) for path in result.files],
            "examples": result.examples,
            "chunk": result.chunk,
            "chunks": result.chunks,
            "workers": result.workers,
            "retries": result.retries,
            "durations": dict(result.durations),
            "unused": list(result.unused),
            **result.workplace.describe(),
        }
    )
