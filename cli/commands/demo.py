"""`gitstore demo`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gitstore.cli import output, terminal


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Work in DIR, which must be new or empty, and keep everything there.",
)
@click.pass_context
def command(ctx: click.Context, keep: Path | None) -> None:
    """Run a short demo of gitstore. It runs real commands on real data, in a temporary directory.

    The demo trains a model, changes it and trains it again. Its first snapshot still evaluates the same.
    Then it derives two models from that snapshot, and trains them. At the end, it shares them in a store. It
    takes some seconds, and neither needs nor reads git's configuration. The first time, it installs two
    versions of numpy into the user's cache, from the package index that uv is configured to use.

    \b
    Examples:
      gitstore demo
      gitstore demo --keep /tmp/story
    """
    from gitstore.cli.demo import story
    from gitstore.units import format_duration

    begin = time.monotonic()
    with _directory(Path(ctx.obj, keep).resolve() if keep is not None else None) as directory:
        narrator = _Narrator()
        output.print_data(f"This is run in {directory}. What follows a $ is given to sh as it stands.")
        story.tell(directory, narrator)
        narrator.text(f"That is all, in {format_duration(round(time.monotonic() - begin, 1))}.")
        if keep is not None:
            output.print_message(f"The models are in {directory}")


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    """Yield the directory to keep, or a temporary one that is always deleted afterwards."""
    from gitstore.disk.directories import remove_tree
    from gitstore.errors import GitstoreError

    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise GitstoreError(f"{keep} already exists", "name a new directory")
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    directory = Path(tempfile.mkdtemp(prefix="gitstore-demo-")).resolve()
    try:
        yield directory
    finally:
        remove_tree(directory)


class _Narrator:
    """Prints the story, in colour on a terminal unless NO_COLOR says otherwise."""

    def text(self, text: str) -> None:
        output.print_data(f"\n{terminal.styled(text, 'cyan')}\n")

    def command(self, line: str) -> None:
        output.print_data(terminal.styled(f"$ {line}", "yellow"))
        sys.stdout.flush()

    def output(self, text: str) -> None:
        if text:
            output.print_data(text.rstrip("\n"))
