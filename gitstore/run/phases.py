"""The phases of each operation, and the clock that measures them against their limits."""

from __future__ import annotations

import time

from gitstore.settings.schema import MaxDurations

PHASES = {
    "create_state": ("code_startup", "create_state"),
    "evaluate": ("code_startup", "instantiate_model", "evaluate"),
    "load": ("code_startup", "instantiate_model"),
    "serve": ("code_startup", "instantiate_model"),
    "answer": ("evaluate",),
    "train": ("code_startup", "instantiate_model", "train", "get_state"),
}
LAUNCHERS = {"load": "evaluate", "serve": "evaluate"}
"""The operations whose resources are those of another one in `default_launchers`."""

# train() and save_state() have one limit together.
LIMITS = {"get_state": "train"}


class Clock:
    """The current phase of an operation, the time that each phase took, and whether the current one is too
    long.

    A phase begins when the one before it ends, the first when the clock is made. The supervisor measures
    the time itself, because the model's process is not trusted.
    """

    def __init__(self, operation: str, limits: MaxDurations) -> None:
        self.operation = operation
        self._upcoming = list(PHASES[operation])
        self._limits = limits
        self._durations: dict[str, float] = {}
        self._start = self._phase_start = time.monotonic()
        self.phase = self._upcoming.pop(0)
        self._limit_start = self._start

    @property
    def finished(self) -> bool:
        """Whether the last phase is over."""
        return self.phase in self._durations

    @property
    def limit_name(self) -> str:
        """The key of `max_durations` that applies to the current phase."""
        return LIMITS.get(self.phase, self.phase)

    @property
    def limit(self) -> float:
        """The most seconds of the current phase."""
        return float(getattr(self._limits, self.limit_name))

    @property
    def counted(self) -> float:
        """The seconds so far that count towards the limit."""
        return time.monotonic() - self._limit_start

    @property
    def overrun(self) -> bool:
        """Whether the current phase has taken longer than its limit."""
        return self.counted > self.limit

    @property
    def durations(self) -> dict[str, float]:
        """The seconds that each phase took, and their `total`; an operation is its phases, without gaps."""
        return self._durations | {"total": self._phase_start - self._start}

    def end_phase(self) -> None:
        """End the current phase, and begin the next one if there is one."""
        instant = time.monotonic()
        self._durations[self.phase] = instant - self._phase_start
        self._phase_start = instant
        if self._upcoming:
            limit_before = self.limit_name
            self.phase = self._upcoming.pop(0)
            if self.limit_name != limit_before:
                self._limit_start = instant
