"""Wheels that tests install, without a network: `make setup` fetches them once, into the virtual environment.

`python -m tests.support.wheels` fetches those that are missing.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

DIRECTORY = Path(sys.prefix, "wheels")

NUMPY = "2.4.6"
"""The version in the plain environment, and that of the example digits."""

OTHER_NUMPY = "2.3.5"

_OPTIONS = ("--disable-pip-version-check", "--no-deps", "--only-binary=:all:", f"--dest={DIRECTORY}")
_WANTED = (f"numpy=={NUMPY}", f"numpy=={OTHER_NUMPY}")


def fetch() -> None:
    """Fetch the wheels that are missing, for the Python that runs this."""
    if not _list_missing():
        return  # whoever runs the tests need not be able to write here
    DIRECTORY.mkdir(exist_ok=True)
    with (DIRECTORY / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for pin in _list_missing():
            command = [sys.executable, "-m", "pip", "download", "--quiet", *_OPTIONS, pin]
            subprocess.run(command, check=True)


def _list_missing() -> list[str]:
    return [pin for pin in _WANTED if not list(DIRECTORY.glob(f"{pin.replace('==', '-')}-*.whl"))]


if __name__ == "__main__":
    fetch()
