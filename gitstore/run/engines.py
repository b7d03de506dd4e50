"""The engine that an operation runs on, and a warning where it is not the one that settings.yaml names."""

from __future__ import annotations

from gitstore.run.phases import LAUNCHERS
from gitstore.settings.schema import Settings

LOCAL, RAY = "local", "ray"


def find_engine(settings: Settings, operation: str) -> str:
    """Return the engine that the settings name."""
    return str(getattr(settings.default_launchers, LAUNCHERS.get(operation, operation)).engine)


def describe_mismatch(settings: Settings, operation: str, *, is_confined: bool) -> str | None:
    """Return one line about what settings.yaml asks for that an operation on this machine does not have.

    `None` if there is nothing.
    """
    operation = LAUNCHERS.get(operation, operation)
    launcher, key = getattr(settings.default_launchers, operation), f"default_launchers.{operation}"
    if launcher.engine != LOCAL:
        return (
            f"{key}.engine is {launcher.engine} in settings.yaml, but this runs here: a cluster only runs"
            " gitstore evaluate REF"
        )
    if launcher.gpus.count and is_confined:
        return (
            f"{key}.gpus is {launcher.gpus.count} in settings.yaml, but the sandbox shows no GPU:"
            " --no-sandbox does, and so does --launcher ray"
        )
    return None
