"""Progress on stderr while a block runs: bars of bytes, of things and of shares, and a spinner.

Unless somebody asks for it, nothing is shown with --json, nor where stderr is no terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gitstore.text import harmless

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


_MOST_METRICS, _LONGEST_NAME = 6, 30
"""How many metrics are shown while a model trains, and how much of their names."""


@contextmanager
def byte_progress(
    label: str, total: int | Callable[[], int] | None, *, show: bool | None
) -> Iterator[Callable[[int], None]]:
    """Show a bar of bytes on stderr while the block runs. The block gets a function to call with bytes done.

    If `total` is a function, it is called only if a bar is drawn.
    """
    if not _is_shown(show):
        yield lambda _: None
        return
    from gitstore.cli import bars

    with _bar(label, bars.Amount(), bars.Speed()) as bar:
        task = bar.add_task("", total=(total() or None) if callable(total) else total)
        yield lambda amount: bar.advance(task, amount)


@contextmanager
def count_progress(
    label: str, *, show: bool | None, in_bytes: bool = False
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Show a bar of things, or of bytes. The block gets a function for the total, and one for amounts."""
    if not _is_shown(show):
        yield lambda _: None, lambda _: None
        return
    from gitstore.cli import bars

    columns = (bars.Amount(), bars.Speed()) if in_bytes else (bars.Count(),)
    with _bar(label, *columns) as bar:
        task = bar.add_task("", total=None)
        yield lambda total: bar.update(task, total=total), lambda amount: bar.advance(task, amount)


def _bar(label: str, *columns: ProgressColumn) -> Progress:
    """Make a bar on stderr. In the label, nothing has a meaning for rich or the terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    text = TextColumn(harmless(label).replace("{", "{{").replace("}", "}}"), markup=False)
    return Progress(text, BarColumn(), *columns, console=Console(stderr=True), transient=True)


@contextmanager
def share_progress(
    label: str, *, show: bool | None, at_once: bool = True
) -> Iterator[Callable[[float], None]]:
    """Show a bar from 0 to 1 while the block runs; unless `at_once`, only from the first call on."""
    if not _is_shown(show):
        yield lambda _: None
        return
    from rich.progress import TaskProgressColumn, TimeElapsedColumn

    bar = _bar(label, TaskProgressColumn(), TimeElapsedColumn())
    task = bar.add_task("", total=1.0)

    def show_share(share: float) -> None:
        bar.start()
        bar.update(task, completed=share)

    try:
        if at_once:
            bar.start()
        yield show_share
    finally:
        bar.stop()


@contextmanager
def training_progress(
    label: str, *, show: bool | None
) -> Iterator[tuple[Callable[[float], None], Callable[[str, float], None]]]:
    """Show a bar from 0 to 1, and the last value of each metric, while the block runs.

    The block gets a function for what is done, and one for metrics.
    """
    if not _is_shown(show):
        yield lambda _: None, lambda _name, _value: None
        return
    from rich.progress import TaskProgressColumn, TextColumn, TimeElapsedColumn

    metrics: dict[str, str] = {}
    column = TextColumn("{task.fields[metrics]}", markup=False)
    with _bar(label, TaskProgressColumn(), TimeElapsedColumn(), column) as bar:
        task = bar.add_task("", total=1.0, metrics="")

        def show_metric(name: str, value: float) -> None:
            if name in metrics or len(metrics) < _MOST_METRICS:
                metrics[name] = harmless(f"{name[:_LONGEST_NAME]} {value:.4g}")
                bar.update(task, metrics="  ".join(metrics.values()))

        yield lambda share: bar.update(task, completed=share), show_metric


@contextmanager
def waiting(label: str, *, show: bool | None) -> Iterator[None]:
    """Show a spinner on stderr while the block runs, for work whose progress is unknown."""
    if not _is_shown(show):
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(label):
        yield


def _is_shown(choice: bool | None) -> bool:
    if choice is not None:
        return choice
    context = click.get_current_context(silent=True)
    is_json = context is not None and bool(context.params.get("as_json"))
    return sys.stderr.isatty() and not is_json
