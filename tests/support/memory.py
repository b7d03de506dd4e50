"""Print a directory in memory where the tests may make their repositories, or nothing if memory is short."""

from __future__ import annotations

import os
import re
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
_NEEDED = 8 * 1024**3
"""Bytes. A run of the whole suite leaves up to 3 GiB."""


def find_directory() -> Path | None:
    """Return a directory in memory for this user's tests; `None` unless 8 GiB are free there."""
    try:
        file_system = os.statvfs(_SHARED_MEMORY)
        available = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    if available is None or not os.access(_SHARED_MEMORY, os.W_OK):
        return None
    if min(file_system.f_bavail * file_system.f_frsize, 1024 * int(available[1])) < _NEEDED:
        return None
    return _SHARED_MEMORY / f"gitstore-tests-{os.getuid()}"


if __name__ == "__main__":
    print(find_directory() or "")
