"""What options say about prices and times."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gitstore.billing.prices import Price


def read_price(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Price | None:
    """Read the price of an option."""
    from gitstore.billing.prices import parse_price

    try:
        return parse_price(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


def read_clock() -> int:
    """Return the second that it is now."""
    return int(time.time())
