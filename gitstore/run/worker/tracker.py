"""The object through which a model's train() reports its progress, and learns that it should stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from . import wire

MAX_NAME = 200


class Tracker:
    """The `tracker` of `Model.train`. It can be used from any thread."""

    def __init__(self, channel: wire.Channel) -> None:
        self._channel = channel
        self._cancelled = threading.Event()
        self._callbacks: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        """Whether the user has asked to stop; train() should then return soon. Nothing will be saved."""
        return self._cancelled.is_set()

    def progress(self, fraction: float) -> None:
        """Report progress from 0 to 1. Values outside are set to the nearer limit."""
        self._channel.send("progress", fraction=min(1.0, max(0.0, float(fraction))))

    def metric(self, name: str, value: float) -> None:
        """Report one value of a series, such as the loss after an epoch."""
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
            raise ValueError(f"a metric's name is text of 1 to {MAX_NAME} characters")
        self._channel.send("metric", name=name, value=float(value))

    def on_cancel(self, callback: Callable[[], object]) -> None:
        """Call a function when `cancelled` becomes true, in another thread; now if it is true already."""
        with self._lock:
            self._callbacks.append(callback)
            is_late = self.cancelled
        if is_late:
            callback()

    def cancel(self) -> None:
        """Make `cancelled` true. Only the worker calls this, not the model."""
        with self._lock:
            self._cancelled.set()
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()
