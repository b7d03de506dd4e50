"""packages.lock: which packages, exactly, the requirements in settings.yaml stand for.

The file has requirements with hashes, as pip and uv install them. Three lines of comment precede them:
what made the file, a digest of what follows, and one of what was resolved. By these it is told, without
a network, whether the file is up to date. Only text is dealt with here; `run.resolution` makes it.
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
"""What is resolved for if the settings name no Python: the oldest that gitstore runs with."""

_MADE_BY = "# Made by gitstore lock"
_TITLE = f"{_MADE_BY} from packages in {SETTINGS}. Do not edit."
_OURS = re.compile(
    rf"{_MADE_BY} [^\n]*\n# content: sha256 ([0-9a-f]{{64}})\n"
    r"(# resolved from: sha256 ([0-9a-f]{64})\n.*)".encode(),
    re.DOTALL,
)


class LockStatus(StrEnum):
    """How a packages.lock stands to the settings beside it."""

    CURRENT = "current"
    MISSING = "missing"
    STALE = "stale"
    EDITED = "edited"
    FOREIGN = "foreign"


class NotCurrent(GitstoreError):
    """packages.lock is not what the settings ask for, or nobody can tell."""

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


def python(wanted: Packages) -> str:
    """The version of Python that packages are resolved for."""
    return wanted.python or OLDEST_PYTHON


def status(wanted: Packages, content: bytes | None) -> LockStatus:
    """How `content` of packages.lock, `None` if there is none, stands to what the settings want.

    Settings without requirements need no file.
    """
    if content is None:
        return LockStatus.MISSING if wanted.requirements else LockStatus.CURRENT
    found = _OURS.fullmatch(content)
    if found is None:
        # A merge that met a conflict leaves our first line.
        return LockStatus.EDITED if content.startswith(_MADE_BY.encode()) else LockStatus.FOREIGN
    if hashlib.sha256(found[2]).hexdigest() != found[1].decode():
        return LockStatus.EDITED
    return LockStatus.CURRENT if found[3].decode() == _digest(wanted) else LockStatus.STALE


def problem(found: LockStatus) -> NotCurrent | None:
    """What is wrong with a packages.lock of this status, and what to do; `None` if nothing is."""
    if found is LockStatus.CURRENT:
        return None
    message, hint = _PROBLEMS[found]
    return NotCurrent(message, hint)


def render(wanted: Packages, requirements: str) -> bytes:
    """The content of packages.lock for what was resolved from the settings. The same for the same."""
    signed = f"# resolved from: sha256 {_digest(wanted)}\n{requirements}".encode()
    return f"{_TITLE}\n# content: sha256 {hashlib.sha256(signed).hexdigest()}\n".encode() + signed


def pins(content: bytes) -> list[str]:
    """The packages that a packages.lock names, with version and marker: `numpy==2.4.6`."""
    lines = content.decode(errors="replace").splitlines()
    return [line.rstrip("\\ ") for line in lines if line and line[0] not in "# \t"]


def _digest(wanted: Packages) -> str:
    """What a resolution depends on, of the settings. The order of requirements is not part of it."""
    asked = [python(wanted), sorted(wanted.requirements)]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
