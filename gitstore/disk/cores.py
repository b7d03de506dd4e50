"""How many cores to work on."""

from __future__ import annotations

import os

_MOST = 16
"""More cores are not used: each holds an object while it works, and no disk is that fast."""


def core_count() -> int:
    """The cores to work on: those this process may use, within reason."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST)
