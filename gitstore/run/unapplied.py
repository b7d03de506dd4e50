"""Settings that say how to run a model and are not applied yet: where what runs differs from them, say so."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Iterator

import msgspec

from gitstore.settings.schema import Launcher, Packages, Settings

_PIN = re.compile(r"(?P<name>[\w.-]+)(\[[^\]]*\])?==(?P<version>[^;\s]+)\s*")


def warning(settings: Settings, operation: str) -> str | None:
    """One line about the settings that `operation` does not follow, or `None` if what runs is as they say.

    A worker runs with the Python and the packages of gitstore, and without limits but those of time.
    """
    if operation == "load":
        operation = "evaluate"  # the beginning of it
    different = list(_packages(settings.packages))
    keys = _launcher(getattr(settings.default_launchers, operation))
    parts = []
    if different:
        parts.append(f"packages ({', '.join(different)})")
    if keys:
        parts.append(f"default_launchers.{operation} ({', '.join(keys)})")
    return f"settings.yaml: not applied yet: {' and '.join(parts)}" if parts else None


def _packages(packages: Packages) -> Iterator[str]:
    running = platform.python_version()
    if packages.python is not None and not f"{running}.".startswith(f"{packages.python}."):
        yield f"Python {packages.python}; {running} is used"
    for requirement in packages.requirements:
        # One with a marker may not be meant for this machine.
        pin = _PIN.fullmatch(requirement)
        installed = _installed(pin["name"]) if pin else None
        if pin and installed != pin["version"]:
            yield f"{pin['name']} {pin['version']}; {installed or 'none'} is used"


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _launcher(launcher: Launcher) -> list[str]:
    """The keys that were set to something else than their defaults."""
    default, chosen = msgspec.structs.asdict(Launcher()), msgspec.structs.asdict(launcher)
    return [key for key, value in chosen.items() if value != default[key]]
