"""How values become text: JSON, tables, messages. stdout is data, stderr is for the person."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstore.quoting import quoted

if TYPE_CHECKING:
    from datetime import datetime

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add --json, which every command that prints data has."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def message(text: str) -> None:
    """Say something to the person, on stderr."""
    click.echo(text, err=True)


def listen() -> None:
    """Show the person what the library logs while it works: warnings, and what hooks say."""
    import logging

    class Messages(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            prefix = "warning: " if record.levelno >= logging.WARNING else ""
            message(prefix + record.getMessage())

    log = logging.getLogger("gitstore")
    log.handlers = [Messages()]
    log.setLevel(logging.INFO)


def data(text: str) -> None:
    """Print a line of data, on stdout. What was not UTF-8 in a file's name goes out as it came in."""
    click.echo(text if _is_utf8(text) else os.fsencode(text))


def data_json(value: Any) -> None:
    """Print a value as JSON, on stdout."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False)
    # A file name that is not UTF-8 has bytes that JSON cannot hold but escaped.
    click.echo(text if _is_utf8(text) else json.dumps(value, indent=2))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(text: str) -> str:
    """A name from outside, harmless on a terminal: as it is, or quoted if any of it cannot be seen."""
    return text if text.isprintable() else quoted(text)


def in_colour() -> bool:
    """Whether to print in colour: on a terminal, unless NO_COLOR says otherwise."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def minute(date: datetime) -> str:
    """A date and time as tables show it, to the minute."""
    return date.isoformat(" ", "minutes")[:16]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print columns, aligned; those numbered in `right` to the right. No trailing spaces."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]) for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    data("\n".join(lines))  # at once: to print ten thousand lines one by one takes a while
