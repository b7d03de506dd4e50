"""packages.lock: the exact packages for the requirements in settings.yaml.

The file has requirements with hashes, as pip and uv install them. Three lines of comment precede them:
the program that made the file, a digest of the rest of the file, and a digest of what was resolved. They
show, without a network, whether the file is up to date. This module knows the text only; `resolve` makes it.
"""

from __future__ import annotations

import hashlib
import json
import re
from enum import StrEnum

from gitstore.errors import GitstoreError
from gitstore.models.model import LOCK, SETTINGS
from gitstore.settings import Packages

OLDEST_PYTHON = "3.11"
"""The Python to resolve for if the settings name none: the oldest that gitstore runs with."""

_MADE_BY = "# Made by gitstore lock"
_TITLE = f"{_MADE_BY} from packages in {SETTINGS}. Do not edit."
_OURS = re.compile(
    rf"{_MADE_BY} [^\n]*\n# content: sha256 ([0-9a-f]{{64}})\n"
    r"(# resolved from: sha256 ([0-9a-f]{64})\n.*)".encode(),
    re.DOTALL,
)


class LockStatus(StrEnum):
    """Whether a packages.lock matches the settings beside it, or why not."""

    CURRENT = "current"
    MISSING = "missing"
    STALE = "stale"
    EDITED = "edited"
    FOREIGN = "foreign"


class NotCurrent(GitstoreError):
    """packages.lock does not match settings.yaml, or gitstore did not make it."""

    kind = "not_current"


_PROBLEMS = {
    LockStatus.MISSING: (
        f"{LOCK} is missing, and {SETTINGS} has packages.requirements",
        "run gitstore lock to create it",
    ),
    LockStatus.STALE: (
        f"{LOCK} is stale: packages in {SETTINGS} changed after it was made",
        "run gitstore lock to update it",
    ),
    LockStatus.EDITED: (f"{LOCK} was edited after gitstore made it", "run gitstore lock to make it anew"),
    LockStatus.FOREIGN: (
        f"{LOCK} was not made by gitstore, so it cannot be compared with {SETTINGS}",
        "move it away, then run gitstore lock",
    ),
}


def choose_python(packages: Packages) -> str:
    """Return the version of Python that packages are resolved for."""
    return packages.python or OLDEST_PYTHON


def check_content(packages: Packages, content: bytes | None) -> LockStatus:
    """Compare the content of packages.lock, `None` if there is no file, with packages in the settings.

    Settings without requirements need no file.
    """
    if content is None:
        return LockStatus.MISSING if packages.requirements else LockStatus.CURRENT
    match = _OURS.fullmatch(content)
    if match is None:
        # A merge that met a conflict leaves our first line.
        return LockStatus.EDITED if content.startswith(_MADE_BY.encode()) else LockStatus.FOREIGN
    if hashlib.sha256(match[2]).hexdigest() != match[1].decode():
        return LockStatus.EDITED
    return LockStatus.CURRENT if match[3].decode() == _digest(packages) else LockStatus.STALE


def describe_problem(status: LockStatus) -> NotCurrent | None:
    """Return the error for a packages.lock of this status; `None` if it is current."""
    if status is LockStatus.CURRENT:
        return None
    message, hint = _PROBLEMS[status]
    return NotCurrent(message, hint)


def render(packages: Packages, requirements: str) -> bytes:
    """Return the content of packages.lock for resolved requirements. It depends on nothing else."""
    signed = f"# resolved from: sha256 {_digest(packages)}\n{requirements}".encode()
    return f"{_TITLE}\n# content: sha256 {hashlib.sha256(signed).hexdigest()}\n".encode() + signed


def list_pins(content: bytes) -> list[str]:
    """Return the packages that a packages.lock names, with version and marker: `numpy==2.4.6`."""
    lines = content.decode(errors="replace").splitlines()
    return [line.rstrip("\\ ") for line in lines if line and line[0] not in "# \t"]


def _digest(packages: Packages) -> str:
    """Return a digest of the settings that a resolution depends on, whatever the order of requirements."""
    inputs = [choose_python(packages), sorted(packages.requirements)]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
