"""How a library function reports its progress."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int], None]
"""Called with the number of bytes processed since the last call."""

PROGRESS = {"is_progress": True}
"""The `extra` of a record of `logging` that is shown on a terminal only."""

TRANSIENT = {"is_progress": True, "is_transient": True}
"""The same for one line of a terminal, which the next record replaces."""
