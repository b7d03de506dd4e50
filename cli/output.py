"""How values become text: JSON, tables, messages. stdout is data, stderr is for the person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add --json, which every command that prints data has."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def message(text: str) -> None:
    """Say something to the person, on stderr."""
    click.echo(text, err=True)


def data(text: str) -> None:
    """Print a line of data, on stdout."""
    click.echo(text)


def data_json(value: Any) -> None:
    """Print a value as JSON, on stdout."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print columns, aligned; those numbered in `right` to the right. No trailing spaces."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        cells = [cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]) for i, cell in enumerate(row)]
        data("  ".join(cells).rstrip())
