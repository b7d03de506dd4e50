"""Long output on a terminal: shown by a pager and in colour, as git's own configuration says.

git itself evaluates GIT_PAGER, core.pager, PAGER, and color.ui or the like. Without a terminal there is
neither a pager nor colour.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.cli import output, streams, terminal

if TYPE_CHECKING:
    import subprocess

_NOT_STARTED = (126, 127)


class _Choice:
    """What the command line says."""

    allowed = True


def disable() -> None:
    """Use no pager in this process: --no-pager."""
    _Choice.allowed = False


def choose_colour(directory: Path, key: str = "color.ui") -> None:
    """Decide whether to use colours on a terminal, by git's `key`, or by color.ui if that is not set."""
    if sys.stdout.isatty():
        terminal.choose_colour(
            coloured=_ask_git(directory, "config", "--get-colorbool", key, "true") == "true"
        )


@contextmanager
def paged(directory: Path) -> Iterator[None]:
    """Show what the block prints on a terminal in git's pager."""
    command = _ask_git(directory, "var", "GIT_PAGER") if _Choice.allowed and sys.stdout.isatty() else ""
    if command in ("", "cat"):
        yield
        return
    # What git sets for its pagers: leave if it fits on the screen, show colours, do not clear the screen.
    variables = {"LESS": "FRX", "LV": "-c"} | os.environ
    import subprocess

    pager = subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, env=variables)
    terminal_stdout, sys.stdout = sys.stdout, streams.open_data(_descriptor(pager))
    terminal.show_paged(paged=True)
    try:
        yield
        sys.stdout.flush()
    finally:
        terminal.show_paged(paged=False)
        sys.stdout = terminal_stdout
        _await_end(pager)
        if pager.returncode in _NOT_STARTED:  # also shown if the output was lost with the pager
            output.print_message(
                f"warning: the pager {command} cannot be started; gitstore --no-pager goes without"
            )


def _descriptor(pager: subprocess.Popen[bytes]) -> int:
    return pager.stdin.fileno() if pager.stdin is not None else 1


def _await_end(pager: subprocess.Popen[bytes]) -> None:
    """Close the pager's input and wait for its end. Ctrl-C goes to the pager meanwhile."""
    if pager.stdin is not None:
        with suppress(BrokenPipeError):
            pager.stdin.close()
    while pager.returncode is None:
        with suppress(KeyboardInterrupt):
            pager.wait()


def _ask_git(directory: Path, *arguments: str) -> str:
    """Return the line that git prints, in a repository or outside of any; empty if git fails."""
    from gitstore.errors import GitstoreError
    from gitstore.git import process as git

    try:
        return git.read_line(*arguments, cwd=directory)
    except GitstoreError:
        return ""
