"""How an attempt of an action ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gitstore.outbox.events import ModelEvent


@dataclass(frozen=True)
class ActionResult:
    """What one attempt gave. `detail` is for the log of deliveries, a line or a few.

    What `failed` is tried again, unless it is `final`; after `wait` seconds at least, if that is given. What
    was `dropped` does not apply any more. `events` are appended together with the outcome.
    """

    outcome: Literal["delivered", "failed", "dropped"]
    detail: str
    final: bool = False
    wait: float | None = None
    events: tuple[ModelEvent, ...] = field(default=())
