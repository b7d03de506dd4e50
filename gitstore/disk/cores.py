"""Cores: how many to work on, and in which turns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_MOST = 16
"""More cores are not used: each holds an object while it works, and no disk is that fast."""


def core_count() -> int:
    """The cores to work on: those this process may use, within reason."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST)


@contextmanager
def long_turns() -> Iterator[None]:
    """Let processes that this thread starts in the block work in long turns, for what moves much data.

    Otherwise each of the programs between two repositories takes the core from the next one whenever it has a
    few kilobytes for it. That is SCHED_BATCH of sched(7), where the system has it, and only for a process
    that nobody has scheduled otherwise.
    """
    usual = getattr(os, "SCHED_OTHER", None)
    if usual is None or os.sched_getscheduler(0) != usual:
        yield
        return
    _schedule(os.SCHED_BATCH)
    try:
        yield
    finally:
        _schedule(usual)


def _schedule(policy: int) -> None:
    """Schedule this thread, and what it starts from now on, as sched(7) says."""
    with suppress(OSError):  # forbidden in some sandboxes
        os.sched_setscheduler(0, policy, os.sched_param(0))
