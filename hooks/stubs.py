"""The scripts in git's hooks directory that are gitstore's: making them, and telling them from others.

Each has a sum of its text in its second line, so that one that somebody edited is not taken for ours.
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

KEPT = ".user"
"""What is added to the name of a hook of the user's, beside which the guard runs."""

_SUM = b"@SUM@"
_MARK = re.compile(rb"\A#!/bin/sh\n# gitstore hooks install wrote this \(([0-9a-f]{16}|@SUM@)\)")


def guard(following: str | None = None) -> bytes:
    """The guard. It runs `following` after itself, or else the user's hook that was kept beside it."""
    return _filled("guard.sh", _quoted(following) if following is not None else b'"$0' + KEPT.encode() + b'"')


def chained(following: str) -> bytes:
    """A hook that runs another in its place; there need not be one."""
    return _filled("chained.sh", _quoted(following))


def passing_on(directory: str, name: str) -> bytes:
    """The script for gitstore's own directory that stands for a hook of another one."""
    following = f"{directory}/{name}"
    return guard(following) if name == GUARD else chained(following)


def is_ours(path: Path) -> bool:
    """Whether a file is one of these scripts, of any version, as gitstore wrote it."""
    content = read(path)
    marked = _MARK.match(content)
    return marked is not None and marked[1] == _sum(_blank(content, marked))


def is_edited(path: Path) -> bool:
    """Whether a file was one of these scripts, and somebody changed it."""
    return _MARK.match(read(path)) is not None and not is_ours(path)


def read(path: Path) -> bytes:
    """What a hook's file holds; nothing if it cannot be read as one."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _filled(name: str, following: bytes) -> bytes:
    # By its name as a resource, not by an import: the scripts call the command line, which is above us.
    content = importlib.resources.files("gitstore.hooks").joinpath(name).read_bytes()
    content = content.replace(b"@NEXT@", following).replace(b"@PYTHON@", _quoted(sys.executable))
    return content.replace(_SUM, _sum(content), 1)


def _quoted(path: str) -> bytes:
    return os.fsencode(shlex.quote(path))


def _sum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:16].encode()


def _blank(content: bytes, marked: re.Match[bytes]) -> bytes:
    return content[: marked.start(1)] + _SUM + content[marked.end(1) :]
