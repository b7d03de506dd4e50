"""The reports of work on a node, one after the other: what a model prints as it comes, and the result."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, Queue
from typing import Any

from gitstore.errors import GitstoreError
from gitstore.run.interrupts import Interrupts

TICK = 0.05
"""The seconds after which a cancellation is noticed."""

_BLOCK = 64 * 1024
_MOST_WAITING = 16
"""The reports that may wait to be sent. After that, the model's output waits, and then is left out."""


@dataclass(frozen=True)
class Printed:
    """A piece of what the model printed."""

    content: bytes


def report(work: Callable[[Interrupts, int], object]) -> Iterator[Any]:
    """Run `work` in a thread, and yield its reports. The end of this iterator ends the work.

    Ray interrupts the main thread, and the one that waits for a model must not be stopped at any line.
    """
    reports: Queue[Any] = Queue(_MOST_WAITING)
    interrupts = Interrupts()
    thread = threading.Thread(target=_run, args=[partial(work, interrupts), reports], name="gitstore-task")
    thread.start()
    try:
        while True:
            with suppress(Empty):
                item = reports.get(timeout=TICK)
                if isinstance(item, _Unexpected):
                    raise item.error
                yield item
                if not isinstance(item, Printed):
                    return
    finally:
        interrupts.add()
        while thread.is_alive():
            with suppress(Empty):
                reports.get(timeout=TICK)
        thread.join()


@dataclass(frozen=True)
class _Unexpected:
    """An error that is no answer."""

    error: BaseException


def _run(work: Callable[[int], object], reports: Queue[Any]) -> None:
    """Run `work` with a descriptor to print to, and report what is printed, and at last the result."""
    try:
        with printing(lambda block: reports.put(Printed(block))) as output:
            result = work(output)
    except GitstoreError as error:
        result = error
    except BaseException as error:  # the main thread raises it
        result = _Unexpected(error)
    reports.put(result)


@contextmanager
def printing(show: Callable[[bytes], None]) -> Iterator[int]:
    """Provide a descriptor. What is written to it is shown, all of it before the block has ended."""
    reader, writer = os.pipe()

    def read() -> None:
        while block := os.read(reader, _BLOCK):
            show(block)

    thread = threading.Thread(target=read, name="gitstore-printed")
    thread.start()
    try:
        yield writer
    finally:
        os.close(writer)
        thread.join()
        os.close(reader)
