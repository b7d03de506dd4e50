"""How a clone is shown, and what a partial clone has fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitstore.cli import output
from gitstore.text import counted

if TYPE_CHECKING:
    from gitstore.transfer.clone import Cloned


def show_clone(cloned: Cloned, *, as_json: bool) -> None:
    """A new clone."""
    model = cloned.model
    if as_json:
        output.print_json(
            {
                "model": model.name,
                "directory": str(model.directory),
                "url": cloned.remote.url,
                "snapshots": cloned.snapshots,
                "state": cloned.active_state,
                "partial": cloned.is_partial,
            }
        )
        return
    later = "; weights are fetched when they are needed" if cloned.is_partial else ""
    count = counted(cloned.snapshots, "snapshot")
    output.print_message(f"Cloned {model.name} into {model.directory}: {count}{later}")


def show_fetched(objects: int, *, as_json: bool) -> None:
    """Weights that were fetched ahead."""
    if as_json:
        output.print_json({"objects": objects})
    else:
        output.print_message(
            f"Fetched {counted(objects, 'object')}" if objects else "Everything is here already"
        )
