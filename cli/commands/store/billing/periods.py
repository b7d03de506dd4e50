"""Options for times and periods."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gitstore.billing.periods import Period

F = TypeVar("F", bound=Callable[..., Any])


def read_time(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Read the date of an option, as the second that it begins at."""
    from gitstore.billing.periods import parse_time

    try:
        return parse_time(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


def read_month(ctx: click.Context, parameter: click.Parameter, text: str) -> Period:
    """Read the month of an option."""
    from gitstore.billing.periods import parse_month

    try:
        return parse_month(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


def since_option(help_text: str, *, required: bool = False) -> Callable[[F], F]:
    """Add --since."""
    return click.option("--since", metavar="DATE", callback=read_time, required=required, help=help_text)


def until_option(help_text: str) -> Callable[[F], F]:
    """Add --until."""
    return click.option("--until", metavar="DATE", callback=read_time, help=help_text)


def make_period(ctx: click.Context, since: int | None, until: int | None, *, now: int) -> Period | None:
    """Return the period of --since and --until; None without both.

    It begins with the month of its end, and does not go beyond now.
    """
    from gitstore.billing.periods import MICROSECONDS, Period, find_month

    if since is None and until is None:
        return None
    second = now // MICROSECONDS
    end = min(until, second) if until is not None else second
    start = since if since is not None else find_month(end - 1).since
    if start > end:
        raise click.UsageError("--since is after --until", ctx)
    return Period(start, end)
