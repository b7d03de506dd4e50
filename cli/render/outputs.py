"""How the outputs of an evaluation are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gitstore.cli import output


def show_files(paths: Sequence[Path], *, unlocked: bool, as_json: bool) -> None:
    """The files that outputs were written to."""
    if as_json:
        output.print_json({"files": [str(path.resolve()) for path in paths], "unlocked": unlocked})
        return
    for path in paths:
        output.print_data(str(path))
