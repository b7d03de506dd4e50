"""How models are shown: their table, one that was created, one that is removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.cli.render import snapshots
from gitstore.text import counted

if TYPE_CHECKING:
    from gitstore.derive.remove import ModelRemoval
    from gitstore.models.catalog import ListedModel
    from gitstore.models.init import CreatedModel
    from gitstore.models.lineage import Lineage
    from gitstore.storage.sizes import Sizes


def to_json(model: ListedModel, lineage: Lineage, sizes: Sizes) -> dict[str, Any]:
    """The shape of a model in a list."""
    tree = model.state_tree
    return {
        "name": model.name,
        "derived": bool(model.prefix),
        "base": model.base.to_json() if model.base is not None else None,
        "base_name": lineage.find_name(model.base) if model.base is not None else None,
        "detached": bool(model.base is not None and model.base.detached),
        "snapshots": len(model.snapshots),
        "size": _add_up(map(sizes.measure_snapshot, model.snapshots)),
        "state": model.active_state,
        "state_size": sizes.measure_tree(tree) if tree is not None else None,
        "directory": str(model.directory) if model.directory is not None else None,
    }


def _add_up(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else sum(size for size in known if size is not None)


def show_list(models: Sequence[ListedModel], lineage: Lineage, sizes: Sizes) -> None:
    """A table of models."""
    output.print_table(
        ["MODEL", "BASE", "SNAPSHOTS", "SIZE", "STATE", "STATE SIZE", "DIRECTORY"],
        [_row(model, to_json(model, lineage, sizes), lineage) for model in models],
        right=[2, 3, 5],
    )


def _row(model: ListedModel, shape: dict[str, Any], lineage: Lineage) -> list[str]:
    """A model's row in the table."""
    base = lineage.describe_base(model.base) if model.base is not None else ""
    return [
        model.name,
        base + (" (detached)" if shape["detached"] else ""),
        str(shape["snapshots"]),
        output.format_size_if_known(shape["size"]),
        model.active_state,
        output.format_size_if_known(shape["state_size"]) if model.state_tree is not None else "",
        shape["directory"] or "",
    ]


def show_created(created: CreatedModel, *, as_json: bool) -> None:
    """A model that init made."""
    model = created.model
    if as_json:
        output.print_json({"name": model.name, "directory": str(model.directory), "added": created.files})
        return
    if created.adopted:
        output.print_message(f"Turned the repository {model.directory} into the model {model.name}")
    else:
        output.print_message(f"Created the model {model.name} in {model.directory}")
    output.print_message(
        f"Put its weights into {model.claim_states() / 'initial'}/, then run gitstore snapshot v1"
    )


def explain_removal(removal: ModelRemoval) -> None:
    """What removing a model frees and loses."""
    from gitstore.units import format_size

    counts = {"snapshot": len(removal.snapshots), "state": len(removal.states)}
    held = ", ".join(counted(number, noun) for noun, number in counts.items())
    where = (
        f" and {output.quote_unprintable(str(removal.directory))}" if removal.directory is not None else ""
    )
    output.print_message(
        f"Removing the model {removal.name}: {held}{where}; frees {format_size(removal.exclusive)}"
    )
    if removal.lost:
        output.print_message(
            f"Will be lost: {', '.join(output.quote_unprintable(str(path)) for path in removal.lost)}"
        )
    dependents = [*removal.dependents.models, *removal.dependents.snapshots]
    if dependents:
        output.print_message(f"Based on it: {', '.join(dependents)}")


def removal_json(removal: ModelRemoval, *, removed: bool) -> dict[str, Any]:
    """What removing a model frees and loses, and whether it is gone."""
    return {
        "name": removal.name,
        "directory": str(removal.directory) if removal.directory is not None else None,
        "snapshots": [snapshots.to_json(snapshot) for snapshot in removal.snapshots],
        "states": list(removal.states),
        "exclusive_bytes": removal.exclusive,
        "lost": [str(path) for path in removal.lost],
        "models": list(removal.dependents.models),
        "dependent_snapshots": list(removal.dependents.snapshots),
        "removed": removed,
    }
