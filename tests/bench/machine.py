"""The machine's description, without a name that would identify it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from tests.bench.units import GIB


def describe(directory: Path) -> list[tuple[str, str]]:
    """What a reader needs to judge the numbers; `directory` is where the stores were."""
    return [
        ("CPU", _cpu_model()),
        ("cores", str(len(os.sched_getaffinity(0)))),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / GIB:.1f} GiB"),
        ("kernel", f"{platform.system()} {platform.release().partition('-')[0]}"),
        ("file system", filesystem_type(directory)),
        ("Python", platform.python_version()),
    ]


def filesystem_type(directory: Path) -> str:
    """The type of the mount that `directory` is on (proc_pid_mountinfo(5))."""
    best, kind = -1, "unknown"
    target = directory.resolve()
    for line in _lines("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        mount = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), before.split()[4]))
        # The last of several mounts on one place is the one that is seen.
        if target.is_relative_to(mount) and len(mount.parts) >= best:
            best, kind = len(mount.parts), after.split()[0]
    return kind


def _cpu_model() -> str:
    for line in _lines("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
