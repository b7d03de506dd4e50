"""Which cores a sandbox runs on: those that no other one has, if there are any.

A core is marked as taken by the name of an abstract socket, unix(7), which is free again when the process
that holds it ends, however it ends.
"""

from __future__ import annotations

import _socket
import os


class Cores:
    """The cores of a sandbox, until `close`. `owner` is whose sandboxes leave room.

    They are neighbours, since these share a cache. If others have too many of them, chance decides.
    """

    def __init__(self, count: int, owner: str) -> None:
        cores = sorted(os.sched_getaffinity(0))
        first = int.from_bytes(os.urandom(4), "little") % len(cores)
        ring = cores[first:] + cores[:first]
        self._marks: list[_socket.socket] = []
        self.numbers = ring[:count]
        if count >= len(cores):
            return
        for start in range(len(cores)):
            chosen = (ring * 2)[start : start + count]
            if self._mark(chosen, owner):
                self.numbers = chosen
                return

    def close(self) -> None:
        """Let other sandboxes have these cores."""
        for mark in self._marks:
            mark.close()

    def _mark(self, cores: list[int], owner: str) -> bool:
        """Mark cores as taken; return whether they all were free."""
        for core in cores:
            mark = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
            self._marks.append(mark)
            try:
                mark.bind(f"\0{owner}-core-{core}".encode())
            except OSError:
                self.close()
                self._marks = []
                return False
        return True
