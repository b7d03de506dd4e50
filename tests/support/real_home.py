"""A watch over the home directories of whoever runs the tests."""

from __future__ import annotations

import os
import pwd
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any


def _account_home() -> Path:
    """The home that the system's records give; HOME may name another one for this run."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path.home()


ACCOUNT_HOME = _account_home()
_HOMES = tuple(str(home) for home in {Path.home().resolve(), ACCOUNT_HOME.resolve()} - {Path("/")})
_OURS = tuple(
    str(Path(each).resolve())
    for each in (Path(__file__).parents[2], tempfile.gettempdir(), sys.prefix, sys.base_prefix)
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def forbid_writing() -> None:
    """Make every attempt of this process to write below a real home fail.

    The checkout, the Python it runs on and the temporary directory may well lie there, and are free.
    """
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if not isinstance(flags, int) or not flags & _WRITES:
            return
    elif event in ("os.mkdir", "os.rename", "os.symlink", "os.link"):
        path = arguments[0 if event == "os.mkdir" else 1]
    else:
        return
    if isinstance(path, str | bytes | os.PathLike) and is_forbidden(path):
        raise PermissionError(f"a test writes to the real home: {os.fsdecode(path)}")


def is_forbidden(path: str | bytes | os.PathLike[Any]) -> bool:
    """Whether a path lies in a real home, and not in a place of ours."""
    whole = os.path.abspath(os.fsdecode(path))  # without pathlib: every file that any test writes comes here
    return any(map(partial(_is_below, whole), _HOMES)) and not any(map(partial(_is_below, whole), _OURS))


def _is_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory}/")
