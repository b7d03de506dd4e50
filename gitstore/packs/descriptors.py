"""How many files of packs this process keeps open.

A repository can have thousands of packs, and a process may often have no more than 1,024 files open. So the
first packs and indexes that are used stay open; files of others are opened for each look, or read whole.
"""

from __future__ import annotations

import resource
import threading

MOST = 256
_SHARE = 4
"""The part of the files that the process may open which packs may take: one in so many."""


class Descriptors:
    """Descriptors that may be kept. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether there is one left; then it is the caller's until it is given back."""
        with self._lock:
            is_left = self._left > 0
            self._left -= is_left
            return is_left

    def give_back(self) -> None:
        """Let somebody else have it."""
        with self._lock:
            self._left += 1


def _allowed() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // _SHARE)


PACK_FILES = Descriptors(_allowed())
"""Those of all packs and indexes of the process."""
