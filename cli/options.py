"""What several commands take: progress, inputs; and what they show of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from gitstore.cli import candidates

F = TypeVar("F", bound=Callable[..., Any])


def progress_option(function: F) -> F:
    """Add --progress and --no-progress, for what can take over a second."""
    return click.option(
        "--progress/--no-progress",
        "show_progress",
        default=None,
        help="Draw a progress bar, or not; by default where stderr is a terminal.",
    )(function)


def no_verify_option(function: F) -> F:
    """Add --no-verify, spelled as in git: the pre-hook is not asked."""
    return click.option(
        "--verify/--no-verify",
        "ask_hook",
        default=True,
        help="Ask the hook that can refuse, or go past it; see gitstore hooks.",
    )(function)


def pointers_option(function: F) -> F:
    """Add --force, for states with files that a download did not bring."""
    return click.option("--force", is_flag=True, help="Take Git LFS pointers in the state as they are.")(
        function
    )


def input_option(function: F) -> F:
    """Add --input, once for each value that an operation takes."""
    return click.option(
        "-p",
        "--input",
        "inputs",
        multiple=True,
        metavar="NAME=VALUE",
        shell_complete=candidates.inputs,
        help="A value in JSON, or NAME=@FILE (.npy, .npz:key, .csv, .json). Once for each input.",
    )(function)


def signing_options(function: F) -> F:
    """Add --sign, --no-sign and --local-user, the key to sign with, as git tag has them."""
    with_key = click.option(
        "-u",
        "--local-user",
        "key",
        metavar="KEY",
        callback=_check_key,
        help="Sign, and with this key instead of user.signingKey.",
    )(function)
    return click.option(
        "-s",
        "--sign/--no-sign",
        default=None,
        is_eager=True,
        help="Sign the tag as git tag --sign does, or not; by default as tag.gpgSign says.",
    )(with_key)


def _check_key(ctx: click.Context, _: click.Parameter, key: str | None) -> str | None:
    if key is not None and ctx.params["sign"] is False:
        raise click.UsageError("give --local-user, or --no-sign", ctx)
    return key


@contextmanager
def byte_progress(label: str, total: int | None, *, wanted: bool | None) -> Iterator[Callable[[int], None]]:
    """A bar of bytes on stderr while the block runs; hands it a function to call with what is done."""
    if not _wanted(wanted):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from gitstore.cli import bars

    columns = (TextColumn("{task.description}"), BarColumn(), bars.Amount(), bars.Speed())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)


@contextmanager
def share_progress(
    label: str, *, wanted: bool | None, at_once: bool = True
) -> Iterator[Callable[[float], None]]:
    """A bar on stderr from 0 to 1 while the block runs; unless `at_once`, from the first news on."""
    if not _wanted(wanted):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=1.0)

    def show(share: float) -> None:
        bar.start()
        bar.update(task, completed=share)

    try:
        if at_once:
            bar.start()
        yield show
    finally:
        bar.stop()


@contextmanager
def waiting(label: str, *, wanted: bool | None) -> Iterator[None]:
    """A sign of life on stderr while the block runs, for what cannot tell how far it is."""
    if not _wanted(wanted):
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(label):
        yield


def _wanted(choice: bool | None) -> bool:
    return sys.stderr.isatty() if choice is None else choice
