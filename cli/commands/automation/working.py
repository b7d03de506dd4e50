"""Running a worker until somebody ends it."""

from __future__ import annotations

import signal
import threading
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
    is_over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        is_over.set()

    signal.signal(signal.SIGTERM, end)
    worker.work(is_over.wait)
