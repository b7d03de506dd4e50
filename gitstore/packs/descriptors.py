"""How many files of packs this process keeps open.

A repository can have thousands of packs, and a process can often open no more than 1,024 files. So the first
packs and indexes that are used stay open. The files of others are opened for each read, or are read whole.
"""

from __future__ import annotations

import resource
import threading

MOST = 256
_SHARE = 4
"""Packs may use one in so many of the files that the process may open."""


class Descriptors:
    """A number of descriptors that may be kept open. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Reserve a descriptor; return False if none is left. The caller gives it back with `give_back`."""
        with self._lock:
            is_left = self._left > 0
            self._left -= is_left
            return is_left

    def give_back(self) -> None:
        """Return a reserved descriptor."""
        with self._lock:
            self._left += 1


def _allowed() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // _SHARE)


PACK_FILES = Descriptors(_allowed())
"""The descriptors for all packs and indexes of this process."""
