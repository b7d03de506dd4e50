"""How states are shown: their table, and what made, saved, moved or removed one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.models.state import State
    from gitstore.run.new_state import Result
    from gitstore.states.import_files import ImportedState
    from gitstore.states.remove import RemovedStates
    from gitstore.states.save import Saved


def to_json(state: State) -> dict[str, Any]:
    """The shape of a state in a list. `size` is in bytes."""
    return {
        "name": state.name,
        "active": state.is_active,
        "saved": state.tree is not None,
        "on_disk": state.on_disk,
        "modified": state.is_modified,
        "size": state.size,
        "tree": str(state.tree) if state.tree is not None else None,
    }


def show_list(states: Sequence[State], *, as_json: bool) -> None:
    """All states of a model: which is active, where each is, and its bytes."""
    if as_json:
        output.print_json([to_json(state) for state in states])
        return
    rows = [
        ["*" if state.is_active else "", state.name, output.format_size_if_known(state.size), locate(state)]
        for state in states
    ]
    output.print_table(["", "STATE", "SIZE", "WHERE"], rows, right=[2])


def locate(state: State) -> str:
    """Where a state is, in words."""
    if state.tree is None:
        return "on disk, not saved"
    if not state.on_disk:
        return "saved"
    return "on disk, modified since it was saved" if state.is_modified else "on disk and saved"


def saved_json(saved: Saved) -> dict[str, Any]:
    """The shape of a state that was just saved, and what that added to the repository, in bytes."""
    return {"name": saved.name, "tree": str(saved.tree), "size": saved.size, "added_bytes": saved.added}


def show_saved(saved: Saved, *, as_json: bool) -> None:
    """A state that was saved as it is on disk."""
    from gitstore.units import format_size

    if as_json:
        output.print_json(saved_json(saved))
    elif saved.was_saved:
        output.print_message(f"The state {saved.name} is already saved")
    else:
        added = format_size(saved.added)
        output.print_message(f"Saved state {saved.name}: {format_size(saved.size)}, added {added}")


def show_result(result: Result, verb: str, *, as_json: bool) -> None:
    """The state that an operation made, how long it took, and its last metrics."""
    from gitstore.units import format_duration, format_size

    saved = result.saved
    if as_json:
        metrics = [{"seconds": m.seconds, "name": m.name, "value": m.value} for m in result.metrics]
        times = {"durations": dict(result.durations), "metrics": metrics}
        output.print_json(saved_json(saved) | times | result.workplace.describe())
        return
    duration = format_duration(result.durations["total"])
    last = {metric.name: metric.value for metric in result.metrics}
    tail = "".join(f", {name} {value:.4g}" for name, value in last.items())
    output.print_message(f"{verb} state {saved.name} in {duration}: {format_size(saved.size)}{tail}")


def show_imported(imported: ImportedState, name: str, *, active: str, as_json: bool) -> None:
    """A state that was made of files, and which state is active now."""
    from gitstore.units import format_size

    saved = imported.saved
    added = saved.added if saved is not None else 0
    if as_json:
        output.print_json(
            {
                "name": name,
                "path": str(imported.path) if imported.path is not None else None,
                "size": imported.size,
                "tree": str(saved.tree) if saved is not None else None,
                "added_bytes": added,
                "active": active == name,
            }
        )
        return
    saving = f"saved, added {format_size(added)}" if saved is not None else "not saved yet"
    output.print_message(f"Imported state {name}: {format_size(imported.size)}, {saving}")
    if active == name:
        output.print_message(f"The active state is {name}")
    else:
        output.print_message(f"The active state is {active}; gitstore state use {name} makes {name} active")


def show_removed(removed: RemovedStates, *, as_json: bool) -> None:
    """States that were removed, and the bytes that gc frees."""
    from gitstore.units import format_size

    if as_json:
        names = {"names": list(removed.names), "exclusive_bytes": removed.exclusive}
        output.print_json(names | {"active": removed.active})
        return
    states = "state" if len(removed.names) == 1 else "states"
    frees = format_size(removed.exclusive)
    output.print_message(f"Removed {states} {', '.join(removed.names)}; gitstore gc frees {frees}")


def show_active(name: str, *, as_json: bool) -> None:
    """The state that is active now."""
    if as_json:
        output.print_json({"active": name})
    else:
        output.print_message(f"The active state is {name}")


def show_path(name: str, directory: Path, *, as_json: bool) -> None:
    """Where a state's files are."""
    if as_json:
        output.print_json({"name": name, "path": str(directory)})
    else:
        output.print_data(str(directory))


def show_exported(name: str, directory: Path, *, size: int, as_json: bool) -> None:
    """Where a state was written, and its bytes."""
    from gitstore.units import format_size

    if as_json:
        output.print_json({"name": name, "directory": str(directory.resolve()), "size": size})
    else:
        output.print_message(f"Exported state {name} to {directory}: {format_size(size)}")


def show_renamed(name: str, old_name: str, *, as_json: bool) -> None:
    """A state under its new name."""
    if as_json:
        output.print_json({"name": name, "renamed_from": old_name})
    else:
        output.print_message(f"Renamed the state {old_name} to {name}")


def show_dropped(name: str, *, as_json: bool) -> None:
    """A state whose files were deleted on disk."""
    if as_json:
        output.print_json({"name": name})
    else:
        output.print_message(f"Deleted states/{name}/; the state is still saved")
