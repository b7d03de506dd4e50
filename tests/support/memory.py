"""How much memory processes hold, with those that they start: what the kernel cannot drop and read again.

Pages of mapped files do not count: git maps whole packs, which takes none of the memory that others need.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sampling(
    *pids: int, every: float = 0.02, find_others: Callable[[], Iterable[int]] = tuple
) -> Iterator[Callable[[], int]]:
    """Look at processes and all below them while the block runs. The function returns the most at one time.

    In bytes, 0 where there is no /proc. `every` is in seconds. `find_others` finds more processes each time.
    """
    most, over = 0, threading.Event()

    def sample() -> None:
        nonlocal most
        while not over.wait(every):
            # A process that was forked, and has not started its program yet, shares its parent's memory.
            distinct = {_read_sizes(pid) for top in {*pids, *find_others()} for pid in list_family(top)}
            most = max(most, sum(map(_find_anonymous, distinct)))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield lambda: most
    finally:
        over.set()
        thread.join()


def list_family(pid: int) -> list[int]:
    """List a process and all below it, as far as /proc can still tell."""
    return [pid, *(below for child in list_children(pid) for below in list_family(child))]


def list_children(pid: int) -> list[int]:
    """List the processes right below one, as far as /proc can still tell."""
    try:
        texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for text in texts for child in text.split()]


def _read_sizes(pid: int) -> str:
    """Return all that the kernel says of a process's memory."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return ""
    return "\n".join(line for line in lines if line.startswith(("Vm", "Rss")))


def _find_anonymous(sizes: str) -> int:
    found = [line for line in sizes.splitlines() if line.startswith("RssAnon:")]
    return int(found[0].split()[1]) << 10 if found else 0
