"""Counting Ctrl-C while a model trains, in place of an exception in the middle of a frame."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """Counts SIGINT while entered, if the signal would raise KeyboardInterrupt.

    It changes nothing for a program that has its own handler or ignores the signal (like `nohup` and a
    shell's `&`), nor outside the main thread, which alone can set handlers.
    """

    def __init__(self) -> None:
        self.count = 0
        self._replaced = False

    def add(self) -> None:
        """Count an interrupt that the program itself asks for, from any thread."""
        self.count += 1

    def __enter__(self) -> Interrupts:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._count_interrupt)
            self._replaced = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if self._replaced:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _count_interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.add()
