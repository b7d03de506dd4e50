"""gitstore's own scripts among git's hooks: rendering them from `scripts/`, and recognizing them on disk.

The second line of each has a checksum of the script, so that an edited one is not taken for gitstore's.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import re
import shlex
import sys
from pathlib import Path

from gitstore.hooks.names import GUARD

USER_SUFFIX = ".user"
"""Added to the name of the user's hook whose place the guard takes."""

_SUM = b"@SUM@"
_MARK = re.compile(rb"\A#!/bin/sh\n# gitstore hooks install wrote this \(([0-9a-f]{16}|@SUM@)\)")


def render_guard(following: str | None = None) -> bytes:
    """Render the guard. Afterwards it runs the hook `following`, by default the user's hook beside it."""
    users_hook = b'"$0%s"' % USER_SUFFIX.encode()
    return _render("guard.sh", _quote(following) if following is not None else users_hook)


def render_chained(following: str) -> bytes:
    """Render a hook that runs the hook `following`, if that exists, in its place."""
    return _render("chained.sh", _quote(following))


def render_for(directory: str, name: str) -> bytes:
    """Render the script of gitstore's own directory that runs the hook of this name in another directory."""
    following = f"{directory}/{name}"
    return render_guard(following) if name == GUARD else render_chained(following)


def is_ours(path: Path) -> bool:
    """Whether a file is one of these scripts, of any version, unchanged."""
    content = read(path)
    mark = _MARK.match(content)
    return mark is not None and mark[1] == _checksum(_without_checksum(content, mark))


def is_edited(path: Path) -> bool:
    """Whether a file was one of these scripts, and somebody changed it."""
    return _MARK.match(read(path)) is not None and not is_ours(path)


def read(path: Path) -> bytes:
    """Return the content of a hook; nothing if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _render(name: str, following: bytes) -> bytes:
    content = importlib.resources.files("gitstore.hooks").joinpath("scripts", name).read_bytes()
    content = content.replace(b"@NEXT@", following).replace(b"@PYTHON@", _quote(sys.executable))
    return content.replace(_SUM, _checksum(content), 1)


def _quote(path: str) -> bytes:
    return os.fsencode(shlex.quote(path))


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:16].encode()


def _without_checksum(content: bytes, mark: re.Match[bytes]) -> bytes:
    return content[: mark.start(1)] + _SUM + content[mark.end(1) :]
