"""Settings for running a model that gitstore does not apply yet, and a warning where they would matter."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Iterator

import msgspec

from gitstore.settings.schema import Launcher, Packages, Settings

_PIN = re.compile(r"(?P<name>[\w.-]+)(\[[^\]]*\])?==(?P<version>[^;\s]+)\s*")


def describe_unapplied(settings: Settings, operation: str) -> str | None:
    """Return one line about settings that `operation` does not apply; `None` if the worker matches them.

    A worker runs with the Python and the packages of gitstore, and its only limits are those of time.
    """
    if operation == "load":
        operation = "evaluate"  # which loads the model first
    different = list(_compare_packages(settings.packages))
    keys = _list_changed_keys(getattr(settings.default_launchers, operation))
    parts = []
    if different:
        parts.append(f"packages ({', '.join(different)})")
    if keys:
        parts.append(f"default_launchers.{operation} ({', '.join(keys)})")
    return f"settings.yaml: not applied yet: {' and '.join(parts)}" if parts else None


def _compare_packages(packages: Packages) -> Iterator[str]:
    running = platform.python_version()
    if packages.python is not None and not f"{running}.".startswith(f"{packages.python}."):
        yield f"Python {packages.python}; {running} is used"
    for requirement in packages.requirements:
        # A requirement with a marker may be for other machines.
        pin = _PIN.fullmatch(requirement)
        installed = _find_version(pin["name"]) if pin else None
        if pin and installed != pin["version"]:
            yield f"{pin['name']} {pin['version']}; {installed or 'none'} is used"


def _find_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _list_changed_keys(launcher: Launcher) -> list[str]:
    """Return the keys whose values differ from the defaults."""
    default, chosen = msgspec.structs.asdict(Launcher()), msgspec.structs.asdict(launcher)
    return [key for key, value in chosen.items() if value != default[key]]
