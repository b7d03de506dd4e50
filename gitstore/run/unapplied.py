"""Settings for running a model that gitstore does not apply yet, and a warning where they would matter."""

from __future__ import annotations

from gitstore.run.phases import LAUNCHERS
from gitstore.settings.schema import Launcher, Settings


def describe_unapplied(settings: Settings, operation: str) -> str | None:
    """Return one line about settings that `operation` does not apply; `None` if there are none."""
    operation = LAUNCHERS.get(operation, operation)
    keys = _list_changed_keys(getattr(settings.default_launchers, operation))
    return (
        f"settings.yaml: not applied yet: default_launchers.{operation} ({', '.join(keys)})" if keys else None
    )


def _list_changed_keys(launcher: Launcher) -> list[str]:
    """Return the keys that are not applied, and whose values differ from the defaults."""
    default = Launcher()
    return [key for key in ("engine", "gpus") if getattr(launcher, key) != getattr(default, key)]
