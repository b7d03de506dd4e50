"""The object through which a model's train() reports its progress, and learns that it should stop.

A loop may report in every step, thousands of times a second. A frame for each report would cost the loop more
than the rest of it, so reports that follow each other fast are sent together.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from . import wire

MAX_NAME = 200

INTERVAL = 0.05
"""The seconds after which a report is sent at the latest."""

MOST_REPORTS = 256
"""The most reports of a frame: a header holds as many of the longest names."""


class Tracker:
    """The `tracker` of `Model.train`. It can be used from any thread."""

    def __init__(self, channel: wire.Channel) -> None:
        self._channel = channel
        self._cancelled = threading.Event()
        self._callbacks: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._reports: list[tuple[float, str | None, float]] = []
        self._last_sent = float("-inf")
        self._sending = threading.Lock()
        self._is_late = threading.Event()
        self._sender: threading.Thread | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the user has asked to stop; train() should then return soon. Nothing will be saved."""
        return self._cancelled.is_set()

    def progress(self, fraction: float) -> None:
        """Report progress from 0 to 1. Values outside are set to the nearer limit."""
        self._add(None, min(1.0, max(0.0, float(fraction))))

    def metric(self, name: str, value: float) -> None:
        """Report one value of a series, such as the loss after an epoch."""
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
            raise ValueError(f"a metric's name is text of 1 to {MAX_NAME} characters")
        self._add(name, float(value))

    def on_cancel(self, callback: Callable[[], object]) -> None:
        """Call a function when `cancelled` becomes true, in another thread; now if it is true already."""
        with self._lock:
            self._callbacks.append(callback)
            is_late = self.cancelled
        if is_late:
            callback()

    def flush(self) -> None:
        """Send what was reported so far. Only the worker calls this, not the model. Raises `wire.Closed`."""
        with self._sending:
            with self._lock:
                reports, self._reports = self._reports, []
                self._last_sent = now = time.monotonic()
            if reports:
                ages = [(now - instant, name, value) for instant, name, value in reports]
                self._channel.send("reports", reports=ages)

    def _add(self, name: str | None, value: float) -> None:
        """Add a report, without a name if it is progress. Send it now if the last ones were a while ago."""
        now = time.monotonic()
        with self._lock:
            if name is None and self._reports and self._reports[-1][1] is None:
                self._reports.pop()  # nobody could see it
            self._reports.append((now, name, value))
            is_due = now - self._last_sent >= INTERVAL or len(self._reports) >= MOST_REPORTS
        if is_due:
            self.flush()
        elif not self._is_late.is_set():
            self._is_late.set()
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_late, daemon=True)
                self._sender.start()

    def _send_late(self) -> None:
        """Send reports that no other report follows."""
        with contextlib.suppress(wire.Closed):  # the next report says so to the model
            while self._is_late.wait():
                time.sleep(INTERVAL)
                self._is_late.clear()
                self.flush()

    def cancel(self) -> None:
        """Make `cancelled` true. Only the worker calls this, not the model."""
        with self._lock:
            self._cancelled.set()
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()
