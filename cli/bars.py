"""Columns of progress bars, in the units of all other messages."""

from __future__ import annotations

from rich.progress import ProgressColumn, Task
from rich.text import Text

from gitstore.units import format_size


class Amount(ProgressColumn):
    """How many bytes are done, and of how many if that is known."""

    def render(self, task: Task) -> Text:
        amount = format_size(int(task.completed))
        return Text(amount if task.total is None else f"{amount} / {format_size(int(task.total))}")


class Count(ProgressColumn):
    """How many things are done, and of how many if that is known."""

    def render(self, task: Task) -> Text:
        count = f"{int(task.completed):,}"
        return Text(count if task.total is None else f"{count} / {int(task.total):,}")


class Speed(ProgressColumn):
    """Bytes per second; nothing while that is unknown."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{format_size(int(speed))}/s")
