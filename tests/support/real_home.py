"""A watch over the home directory of whoever runs the tests."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

_HOME = Path.home().resolve()
_OURS = tuple(
    Path(each).resolve()
    for each in (Path(__file__).parents[2], tempfile.gettempdir(), sys.prefix, sys.base_prefix)
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def forbid_writing() -> None:
    """Make every attempt of this process to write below the real home fail.

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
    if isinstance(path, str | bytes | os.PathLike) and is_forbidden(Path(os.fsdecode(path))):
        raise PermissionError(f"a test writes to the real home: {os.fsdecode(path)}")


def is_forbidden(path: Path) -> bool:
    """Whether a path lies in the real home, and not in a place of ours."""
    whole = Path(os.path.abspath(path))
    return whole.is_relative_to(_HOME) and not any(whole.is_relative_to(each) for each in _OURS)
