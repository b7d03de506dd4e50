"""What several commands take: progress, inputs; and what they show of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstore.cli import candidates
from gitstore.text import harmless

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from gitstore.git.repository import Repository
    from gitstore.models.model import Model
    from gitstore.packs.oid import Oid

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
        help="Run the hook that can refuse, or skip it; see gitstore hooks.",
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
        help="A value in JSON, or NAME=@FILE (.npy, .npz:key, .csv, .json). Several for one input,"
        " @DIR/*.png and @@LIST make a batch.",
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
def byte_progress(
    label: str, total: int | Callable[[], int] | None, *, wanted: bool | None
) -> Iterator[Callable[[int], None]]:
    """A bar of bytes on stderr while the block runs; hands it a function to call with what is done.

    A `total` that has to be found out is asked for only if a bar is drawn.
    """
    if not _wanted(wanted):
        yield lambda _: None
        return
    from gitstore.cli import bars

    with _bar(label, bars.Amount(), bars.Speed()) as bar:
        task = bar.add_task("", total=(total() or None) if callable(total) else total)
        yield lambda done: bar.advance(task, done)


@contextmanager
def count_progress(
    label: str, *, wanted: bool | None, in_bytes: bool = False
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """A bar of things, or of bytes; hands the block one function for the total, and one for what is done."""
    if not _wanted(wanted):
        yield lambda _: None, lambda _: None
        return
    from gitstore.cli import bars

    columns = (bars.Amount(), bars.Speed()) if in_bytes else (bars.Count(),)
    with _bar(label, *columns) as bar:
        task = bar.add_task("", total=None)
        yield lambda total: bar.update(task, total=total), lambda done: bar.advance(task, done)


def size_on_disk(directory: Path) -> int:
    """Bytes of a file, or of the files below a directory, as far as they can be seen: for a bar."""
    if not directory.is_dir():
        return directory.stat().st_size if directory.exists() else 0
    size = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                size += Path(folder, name).stat().st_size
    return size


def on_disk(model: Model, *names: str) -> Callable[[], int]:
    """What tells the bytes of states on disk, of the active one by default: a total for `byte_progress`."""

    def total() -> int:
        from gitstore.models import state

        return sum(size_on_disk(model.states / name) for name in names or (state.active(model),))

    return total


def states_on_disk(model: Model, name: str) -> Callable[[], int]:
    """What tells the bytes of all states of a derived model on disk: a total for `byte_progress`."""

    def total() -> int:
        from gitstore.models.model import STATES

        copies = (copy for copy in model.repository.worktrees() if copy.branch == name)
        return sum(size_on_disk(copy.directory / STATES) for copy in copies)

    return total


def saved(model: Model, name: str) -> Callable[[], int]:
    """What tells the bytes of a state as it is saved, 0 if it is not: a total for `byte_progress`."""

    def total() -> int:
        from gitstore.models import state

        tree = state.saved_tree(model, name)
        return 0 if tree is None else stored(model.repository, tree)()

    return total


def stored(repository: Repository, tree: Oid) -> Callable[[], int]:
    """What tells the bytes of the files below a tree: a total for `byte_progress`."""

    def total() -> int:
        from gitstore.storage.sizes import Sizes

        return Sizes(repository.objects).tree(tree)

    return total


def _bar(label: str, *columns: ProgressColumn) -> Progress:
    """A bar on stderr with a label from outside, in which neither rich nor the terminal finds orders."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    text = TextColumn(harmless(label).replace("{", "{{").replace("}", "}}"), markup=False)
    return Progress(text, BarColumn(), *columns, console=Console(stderr=True), transient=True)


@contextmanager
def share_progress(
    label: str, *, wanted: bool | None, at_once: bool = True
) -> Iterator[Callable[[float], None]]:
    """A bar on stderr from 0 to 1 while the block runs; unless `at_once`, from the first news on."""
    if not _wanted(wanted):
        yield lambda _: None
        return
    from rich.progress import TaskProgressColumn, TimeElapsedColumn

    bar = _bar(label, TaskProgressColumn(), TimeElapsedColumn())
    task = bar.add_task("", total=1.0)

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
