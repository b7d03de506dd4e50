"""How packages.lock is shown: what was written to it, and whether it is up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.environments.lockfile import LockStatus
    from gitstore.environments.resolve import Resolution


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
        count = f"{len(resolution.pins)} package{'' if len(resolution.pins) == 1 else 's'}"
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
