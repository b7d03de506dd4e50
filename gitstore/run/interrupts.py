"""Ctrl-C while a model trains: a wish to stop, not an exception in the middle of a frame."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """Counts SIGINT while entered, where it would have raised KeyboardInterrupt.

    Elsewhere it leaves things as they are: a program that has a handler of its own, or ignores the
    signal (as `nohup` and a shell's `&` do), goes on as it wants, and only the main thread may choose.
    """

    def __init__(self) -> None:
        self.count = 0
        self._replaced = False

    def __enter__(self) -> Interrupts:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._interrupted)
            self._replaced = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if self._replaced:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.count += 1
