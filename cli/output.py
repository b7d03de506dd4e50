"""How values become text: JSON, tables, messages. stdout is data, stderr is for the person."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstore.cli import terminal
from gitstore.text import harmless, json_harmless, quoted

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add --json, which every command that prints data has."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def print_message(text: str) -> None:
    """Print a message for the person, on stderr. Control characters are escaped."""
    click.echo(harmless(text), err=True)


def confirm(ctx: click.Context, question: str, *, assumed: bool) -> None:
    """Ask the person on a terminal. End the command with exit code 1 unless the answer is yes."""
    if not assumed and sys.stdin.isatty() and not click.confirm(question, err=True):
        print_message("nothing removed")
        ctx.exit(1)


def set_directory(directory: Path | None) -> None:
    """Record the directory of -C. Commands that a message suggests must name it, too."""
    _Place.directory = directory


class _Place:
    directory: Path | None = None


def add_directory(text: str) -> str:
    """A text with -C DIR in every command of gitstore, if this command was given -C."""
    import shlex

    from gitstore.cli.commands import COMMANDS

    if _Place.directory is None:
        return text
    command = f"gitstore -C {shlex.quote(str(_Place.directory))} "
    names = "|".join(COMMANDS)
    return re.sub(rf"\bgitstore (?=({names})\b)", lambda _: command, text)


def show_log() -> None:
    """Print what the library logs while it works: warnings, output of hooks, and progress on a terminal."""
    import logging

    warnings: set[str] = set()

    class Messages(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "is_progress", False) and not sys.stderr.isatty():
                return
            if getattr(record, "is_transient", False):
                click.echo(f"\r{harmless(record.getMessage())}\033[K\r", err=True, nl=False)
                return
            text, prefix = record.getMessage(), ""
            if record.levelno >= logging.WARNING:
                if text in warnings:  # several workers have the same to say
                    return
                warnings.add(text)
                prefix = "warning: "
            print_message(prefix + add_directory(text))

    log = logging.getLogger("gitstore")
    log.handlers = [Messages()]
    log.setLevel(logging.INFO)


def print_data(text: str) -> None:
    """Print a line of data, on stdout.

    On a terminal it is made harmless. Elsewhere, bytes of a file name that are not UTF-8 stay as they are.
    """
    text = terminal.rendered(text)
    click.echo(text if _is_utf8(text) else os.fsencode(text), color=True)


def print_json(value: Any) -> None:
    """Print a value as JSON, on stdout. NaN and the infinities are texts, as in inputs and outputs."""
    click.echo(_json(value, indent=2))


def print_error_json(value: Any) -> None:
    """Print a value as one line of JSON, on stderr."""
    click.echo(_json(value), err=True)


def as_json_text(value: Any) -> str:
    """Return a value as JSON on one line, for a table or a message."""
    return _json(value)


def _json(value: Any, indent: int | None = None) -> str:
    import json

    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        value = _finite(value)
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    # What a terminal would obey is escaped, and bytes of a name that were not UTF-8 must be.
    return json_harmless(text)


def _finite(value: Any) -> Any:
    """A value in which floats that JSON lacks are the texts that `-p` reads, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def quote_unprintable(text: str) -> str:
    """Return a name from outside, quoted if it has characters that are not printable."""
    return text if text.isprintable() else quoted(text)


def format_size_if_known(size: int | None) -> str:
    """A size for people. That of files that a partial clone has not fetched is unknown."""
    from gitstore.units import format_size

    return format_size(size) if size is not None else "not here"


def format_minute(date: datetime) -> str:
    """A date and time as tables show it, to the minute."""
    return date.isoformat(" ", "minutes")[:16]


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print columns, aligned; those numbered in `right` to the right. No trailing spaces."""
    if terminal.is_seen():
        rows = [[harmless(cell).replace("\n", "\\n").replace("\t", "\\t") for cell in row] for row in rows]
    widths = [max(terminal.width(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [terminal.padded(cell, widths[i], right=i in right) for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    print_data("\n".join(lines))  # at once: to print ten thousand lines one by one takes a while
