"""The phases of each operation, and the clock that holds them to their limits."""

from __future__ import annotations

import time

from gitstore.settings.schema import MaxDurations

PHASES = {
    "create_state": ("code_startup", "create_state"),
    "evaluate": ("code_startup", "instantiate_model", "evaluate"),
    "load": ("code_startup", "instantiate_model"),
    "train": ("code_startup", "instantiate_model", "train", "get_state"),
}
# train() and save_state() are one limit together.
LIMITS = {"get_state": "train"}


class Clock:
    """Which phase an operation is in, how long each one took, and whether the present one overran.

    A phase begins where the one before it ended, the first when the clock is made. The time is the
    supervisor's own: what the model's process says about time proves nothing.
    """

    def __init__(self, operation: str, limits: MaxDurations) -> None:
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
        """The key of `max_durations` that holds for the present phase."""
        return LIMITS.get(self.phase, self.phase)

    @property
    def limit(self) -> float:
        """How long the present phase may take, in seconds."""
        return float(getattr(self._limits, self.limit_name))

    @property
    def counting(self) -> float:
        """The seconds that count against the limit so far."""
        return time.monotonic() - self._limit_start

    @property
    def overrun(self) -> bool:
        """Whether the present phase has taken longer than it may."""
        return self.counting > self.limit

    @property
    def durations(self) -> dict[str, float]:
        """The seconds that each phase took, and their `total`; an operation is its phases, without gaps."""
        return self._durations | {"total": self._phase_start - self._start}

    def end(self) -> None:
        """The present phase is over, and the next begins, if there is one."""
        instant = time.monotonic()
        self._durations[self.phase] = instant - self._phase_start
        self._phase_start = instant
        if self._upcoming:
            limit_before = self.limit_name
            self.phase = self._upcoming.pop(0)
            if self.limit_name != limit_before:
                self._limit_start = instant
