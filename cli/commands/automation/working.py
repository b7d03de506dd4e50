"""Running a worker until somebody ends it."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType
from typing import TYPE_CHECKING

from gitstore.cli import output
from gitstore.text import counted

if TYPE_CHECKING:
    from gitstore.automation.place import Place


def run_worker(place: Place, *, once: bool) -> None:
    """Work once, or until SIGTERM or Ctrl-C. The attempt under way is finished first after SIGTERM."""
    from gitstore.automation.worker import Worker

    worker = Worker(place)
    place.read_rules()  # a mistake in them ends the command now
    if once:
        attempts = worker.work_once()
        output.print_message(f"{counted(attempts, 'delivery', 'deliveries')} tried")
        return
    # A handler must not take the lock of a threading.Event that this thread may hold as it waits.
    reading, writing = os.pipe()

    def end(_number: int, _frame: FrameType | None) -> None:
        os.write(writing, b".")

    def wait(seconds: float) -> bool:
        return bool(select.select([reading], [], [], seconds)[0])

    signal.signal(signal.SIGTERM, end)
    worker.work(wait)
