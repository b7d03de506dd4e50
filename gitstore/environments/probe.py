"""What an interpreter is: `python -I -S probe.py` prints it as JSON, and gitstore asks it about its own.

It runs in Python 3.9 and newer, with the standard library alone, of which it imports little.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES

_LEVELS = {"alpha": "a", "beta": "b", "candidate": "rc"}


def describe() -> dict[str, str]:
    """Return the version, implementation, ABI, platform and path of the interpreter that runs this.

    The path is that of the real program, also if this runs in a virtual environment.
    """
    program = getattr(sys, "_base_executable", None) or sys.executable
    return {
        "path": os.path.realpath(program),
        "version": _describe_version(),
        "implementation": sys.implementation.name,
        "abi": EXTENSION_SUFFIXES[0].strip(".").rpartition(".")[0],
        "platform": _describe_platform(),
    }


def _describe_version() -> str:
    major, minor, micro, level, serial = sys.version_info
    return f"{major}.{minor}.{micro}" + ("" if level == "final" else f"{_LEVELS[level]}{serial}")


def _describe_platform() -> str:
    """Return the system, the machine and the C library, by which an installer chooses wheels."""
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):  # not glibc
        library = ""
    return "-".join(filter(None, [sys.platform, os.uname().machine, library.replace(" ", "")]))


if __name__ == "__main__":
    import json

    os.write(1, json.dumps(describe()).encode())
