"""Large transfers over several connections at once.

On both sides of a connection, one process of git compresses, checks or hashes what travels, on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock

from gitstore.errors import GitstoreError
from gitstore.progress import Progress

KEY = "gitstore.connections"
"""The setting of git's configuration that says how many connections a large transfer opens."""

_DEFAULT, _MOST = 2, 16

Step = Callable[[Progress], None]
"""What one connection does. It reports its progress, with 0 as soon as it is connected."""


def parse_count(text: str | None) -> int:
    """Return the number of connections for a value of `KEY`. Raises `GitstoreError` if it is none."""
    if text is None:
        return _DEFAULT
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise GitstoreError(f"git's configuration: {KEY} must be a number from 1 to {_MOST}, not {text!r}")
    return int(text)


def run(lines: Sequence[Iterable[Step]], *, progress: Progress = lambda _: None) -> None:
    """Run the steps of each line one after the other, and the lines at the same time.

    The first line connects alone, because a person may have to type a password. Where a step raises, no other
    begins, and its error is raised when those under way are over. `progress` is called by one line at a time.
    """
    from concurrent.futures import ThreadPoolExecutor, wait

    reporting, is_connected, is_over = Lock(), Event(), Event()

    def report(number: int) -> None:
        is_connected.set()
        with reporting:
            progress(number)

    def work(steps: Iterable[Step], *, is_first: bool) -> None:
        if not is_first:
            is_connected.wait()
        try:
            for step in steps:
                if is_over.is_set():
                    return
                step(report)
        except BaseException:
            is_over.set()
            raise
        finally:
            is_connected.set()

    with ThreadPoolExecutor(len(lines) or 1, thread_name_prefix="gitstore-connection") as pool:
        works = [pool.submit(work, steps, is_first=not number) for number, steps in enumerate(lines)]
        try:
            wait(works)
        finally:
            is_over.set()  # the user may have stopped it
    for finished in works:
        finished.result()
