"""How packages are shown: what was written to packages.lock, whether it is up to date, and environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.text import counted, list_some

if TYPE_CHECKING:
    from gitstore.disk.entries import Cleared
    from gitstore.environments.environment import BuiltEnvironment
    from gitstore.environments.lockfile import LockStatus
    from gitstore.environments.resolve import Resolution

_KEY_LENGTH = 12
_NAMED = 3
"""Users of an environment that are named."""


def show_resolution(resolution: Resolution, *, as_json: bool) -> None:
    """The packages that packages.lock has now, and those that came and went."""
    if as_json:
        output.print_json(
            {
                "path": str(resolution.path) if resolution.pins or resolution.changed else None,
                "python": resolution.python,
                "changed": resolution.changed,
                "packages": list(resolution.pins),
                "added": list(resolution.added),
                "removed": list(resolution.removed),
            }
        )
        return
    name = resolution.path.name
    if resolution.changed:
        count = counted(len(resolution.pins), "package")
        output.print_message(f"Wrote {name}: {count} for Python {resolution.python}")
        for mark, pins in (("-", resolution.removed), ("+", resolution.added)):
            for pin in pins:
                output.print_message(f"{mark} {pin}")
    elif resolution.pins:
        output.print_message(f"{name} is up to date")
    else:
        output.print_message("settings.yaml has no packages.requirements to lock")


def check_json(status: LockStatus) -> dict[str, Any]:
    """Whether packages.lock is up to date, and what it is if not."""
    return {"ok": status == "current", "status": status.value}


def environment_json(environment: BuiltEnvironment, used_by: Sequence[str] = ()) -> dict[str, Any]:
    """What an environment is, and what uses it."""
    record = environment.record
    return {
        "key": environment.key,
        "path": str(environment.path),
        "python": record.interpreter.version,
        "platform": record.interpreter.platform,
        "packages": list(record.packages),
        "unlocked": record.unlocked,
        "size": record.size,
        "last_used": _last_use(environment).isoformat(),
        "in_use": environment.is_in_use(),
        "used_by": list(used_by),
    }


def show_environments(
    environments: Sequence[BuiltEnvironment], uses: Mapping[str, Sequence[str]], *, as_json: bool
) -> None:
    """The environments, and what in the repository uses each."""
    from gitstore.units import format_size

    if as_json:
        output.print_json([environment_json(one, uses.get(one.key, ())) for one in environments])
        return
    if not environments:
        output.print_message("There are no environments yet; operations build them when needed")
        return
    rows = [
        [
            one.key[:_KEY_LENGTH],
            one.record.interpreter.version,
            f"{len(one.record.packages)}{' unlocked' if one.record.unlocked else ''}",
            format_size(one.record.size),
            "now" if one.is_in_use() else output.format_minute(_last_use(one)),
            list_some(uses.get(one.key, ()), most=_NAMED),
        ]
        for one in environments
    ]
    output.print_table(["KEY", "PYTHON", "PACKAGES", "SIZE", "LAST USED", "USED BY"], rows, right=[3])


def show_built(environment: BuiltEnvironment, *, is_new: bool, as_json: bool) -> None:
    """The environment of a snapshot or a working copy, which may have existed before."""
    from gitstore.units import format_size

    if as_json:
        output.print_json(environment_json(environment) | {"built": is_new})
        return
    record = environment.record
    count = counted(len(record.packages), "package")
    verb = "Built" if is_new else "There already is"
    output.print_message(
        f"{verb} environment {environment.key[:_KEY_LENGTH]}: Python {record.interpreter.version}, {count},"
        f" {format_size(record.size)}"
    )


def show_removed_environments(cleared: Cleared, *, dry_run: bool, as_json: bool) -> None:
    """The environments that were removed, or would be."""
    from gitstore.units import format_size

    if as_json:
        removed = [entry._asdict() for entry in cleared.removed]
        result = {"removed": removed, "freed": cleared.freed, "in_use": cleared.in_use}
        output.print_json(result | {"dry_run": dry_run})
        return
    verb = "Would remove" if dry_run else "Removed"
    for entry in cleared.removed:
        output.print_message(f"{verb} environment {entry.name[:_KEY_LENGTH]}: {format_size(entry.size)}")
    if cleared.in_use:
        output.print_message(f"Environments that an operation uses, which stay: {cleared.in_use}")
    if not cleared.removed and not cleared.in_use:
        output.print_message("No environment to remove")


def _last_use(environment: BuiltEnvironment) -> Any:
    from datetime import datetime

    return datetime.fromtimestamp(int(environment.find_last_use())).astimezone()
