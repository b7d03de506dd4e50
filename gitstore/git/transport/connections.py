"""Large transfers over several connections at once.

On both sides of a connection, one process of git compresses, checks or hashes what travels, on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event, Lock

from gitstore.disk.cores import core_count
from gitstore.errors import GitstoreError
from gitstore.git import process as git
from gitstore.git.config import GitConfig
from gitstore.progress import Progress
from gitstore.url import is_ssh

KEY = "gitstore.connections"
"""The setting of git's configuration that says how many connections a large transfer opens."""

_DEFAULT, _MOST = 2, 16
_CORES = 4

Step = Callable[[Progress], None]
"""What one connection does. It reports its progress, with 0 as soon as it is connected."""


def ask_count(
    directory: Path, find_url: Callable[[], str], variables: Mapping[str, str] | None = None
) -> int:
    """Return how many connections to open, by git's configuration in a directory, as `choose_count` does.

    The URL is only looked for if it matters. git gets `variables`.
    """
    asked = git.attempt("config", "--get", KEY, cwd=directory, variables=variables)
    if asked.returncode:
        return choose_count(None, find_url())
    return choose_count(asked.stdout.decode(errors="replace").removesuffix("\n"), "")


def read_count(config: GitConfig, url: str) -> int:
    """Return how many connections to open, by git's configuration, as `choose_count` does."""
    return choose_count(config.text(KEY), url)


def choose_count(configured: str | None, url: str) -> int:
    """Return how many connections to open: a value of `KEY`, or what suits a URL if there is none.

    Raises `GitstoreError` if the value is no number of connections.
    """
    if configured is None:
        # Encryption keeps the cores busy already if there are few.
        return 1 if is_ssh(url) and core_count() < _CORES else _DEFAULT
    if not (configured.isascii() and configured.isdigit() and 1 <= int(configured) <= _MOST):
        raise GitstoreError(
            f"git's configuration: {KEY} must be a number from 1 to {_MOST}, not {configured!r}"
        )
    return int(configured)


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
