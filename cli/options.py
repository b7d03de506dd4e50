"""What several commands take: progress, inputs; and what they show of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def progress_option(function: F) -> F:
    """Add --progress and --no-progress, for what can take over a second."""
    return click.option(
        "--progress/--no-progress",
        "show_progress",
        default=None,
        help="Draw a progress bar, or not; by default where stderr is a terminal.",
    )(function)


def input_option(function: F) -> F:
    """Add --input, once for each value that an operation takes."""
    return click.option(
        "-p",
        "--input",
        "inputs",
        multiple=True,
        metavar="NAME=VALUE",
        help="A value in JSON, or NAME=@FILE (.npy, .npz:key, .csv, .json). Once for each input.",
    )(function)


@contextmanager
def byte_progress(label: str, total: int | None, *, wanted: bool | None) -> Iterator[Callable[[int], None]]:
    """A bar of bytes on stderr while the block runs; hands it a function to call with what is done."""
    if not _wanted(wanted):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)


@contextmanager
def share_progress(label: str, *, wanted: bool | None) -> Iterator[Callable[[float], None]]:
    """A bar on stderr from 0 to 1 while the block runs."""
    if not _wanted(wanted):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _wanted(choice: bool | None) -> bool:
    return sys.stderr.isatty() if choice is None else choice
