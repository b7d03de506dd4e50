"""How the result of an operation is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.run.new_state import Result


def show_state(result: Result, verb: str, *, as_json: bool) -> None:
    """Show the state that an operation made, how long it took, and its last metrics."""
    from gitstore.units import format_duration, format_size

    saved = result.saved
    if as_json:
        output.data_json(
            {
                "state": saved.name,
                "tree": str(saved.tree),
                "size": saved.size,
                "added_bytes": saved.added,
                "durations": dict(result.durations),
                "metrics": [{"seconds": m.seconds, "name": m.name, "value": m.value} for m in result.metrics],
            }
        )
        return
    took = format_duration(result.durations["total"])
    last = {metric.name: metric.value for metric in result.metrics}
    tail = "".join(f", {name} {value:.4g}" for name, value in last.items())
    output.message(f"{verb} state {saved.name} in {took}: {format_size(saved.size)}{tail}")
