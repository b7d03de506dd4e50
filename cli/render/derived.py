"""How deriving a model is shown, and moving it to another base or away from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.cli.render import diff as changes

if TYPE_CHECKING:
    from gitstore.derive.detach import Detached
    from gitstore.derive.rebase import Rebased
    from gitstore.derive.worktree import Derived
    from gitstore.models.model import Model


def show_derived(derived: Derived, *, as_json: bool) -> None:
    """A model that was derived, and what it added to the disk."""
    from gitstore.units import format_size

    model, base, linked_bytes = derived.model, derived.base, derived.imported.linked
    if as_json:
        output.print_json(
            {
                "name": model.name,
                "directory": str(model.directory),
                "form": "worktree" if derived.url is None else "reference",
                "base": derived.based_on.to_json(),
                "added_bytes": derived.added,
                "linked_bytes": linked_bytes,
            }
        )
        return
    linked = f", linked {format_size(linked_bytes)}" if linked_bytes else ""
    output.print_message(
        f"Derived {model.name} from {base.full_name} in {model.directory}:"
        f" added {format_size(derived.added)}{linked}"
    )


def show_detached(detached: Detached, *, as_json: bool) -> None:
    """A model that was detached from its base, now or before."""
    name, base = detached.model.name, detached.base
    if as_json:
        commit = str(detached.commit) if detached.commit is not None else None
        output.print_json({"name": name, "base": base.to_json(), "commit": commit})
    elif detached.commit is None:
        output.print_message(f"{name} is already detached")
    else:
        output.print_message(f"Detached {name} from {base.full_name}: it has its own code now")


def rebased_json(rebased: Rebased, model: Model) -> dict[str, Any]:
    """A model's new base, and what changed with it."""
    return {
        "name": model.name,
        "base": rebased.based_on.to_json(),
        "before": rebased.old_base.to_json(),
        "commit": str(rebased.commit) if rebased.commit is not None else None,
        "misfits": [{"key": misfit.path, "problem": misfit.problem} for misfit in rebased.misfits],
        "changes": [changes.key_json(change) for change in rebased.changes],
        "conflicts": [
            {"key": conflict.path, "own_value": conflict.own, "base_value": conflict.base}
            for conflict in rebased.conflicts
        ],
        "other_packages": rebased.other_packages,
        "added_bytes": rebased.imported.copied,
        "linked_bytes": rebased.imported.linked,
    }


def show_rebased(rebased: Rebased, model: Model) -> None:
    """A model's new base for a person: types that no longer fit, settings that changed or did not."""
    from gitstore.units import format_size

    name, base = model.name, rebased.base.full_name
    for misfit in rebased.misfits:
        output.print_message(f"warning: {misfit.path}: {base} {misfit.problem}")
    for change in rebased.changes:
        output.print_message(f"settings: {change.path}: {_value(change.before)} -> {_value(change.after)}")
    for conflict in rebased.conflicts:
        values = f"{base} has {_value(conflict.base)}, {name} keeps {_value(conflict.own)}"
        output.print_message(f"warning: {conflict.path}: {values}")
    if rebased.other_packages:
        output.print_message(f"warning: packages: those of {name} differ from those of {base}")
    if rebased.commit is None:
        output.print_message(f"{name} is already based on {base}")
        return
    sizes = {"added": rebased.imported.copied, "linked": rebased.imported.linked}
    imported = ", ".join(f"{kind} {format_size(size)}" for kind, size in sizes.items() if size)
    tail = f": {imported}" if imported else ""
    output.print_message(f"Rebased {name} from {rebased.old_base.full_name} onto {base}{tail}")


def _value(value: object) -> str:
    """A value of the settings on one line."""
    import json

    if value is None:
        return "(none)"
    return output.quote_unprintable(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )
