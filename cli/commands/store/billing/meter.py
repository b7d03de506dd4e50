"""`gitstore store meter`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.commands.store.billing import periods


@click.command()
@periods.since_option("The first window begins here, or later: 2026-11-03, in UTC.", required=True)
@click.option(
    "--every",
    type=click.Choice(["hour", "day"]),
    default="day",
    show_default=True,
    help="How long a window is.",
)
@options.store_option
@click.pass_context
def command(ctx: click.Context, *, since: int, every: str, root: Path | None) -> None:
    """Print usage as CloudEvents, one JSON object a line, for a system that meters.

    There is an event for each window of time that is over, and each model that was charged for bytes in it.
    An event that is printed again has the same id and the same content, so the system can drop it.

    \b
    Examples:
      gitstore store meter --since 2026-11-01
      gitstore store meter --since 2026-11-03 --every hour
    """
    from gitstore.billing.cloud_events import WINDOWS
    from gitstore.store import billing

    store, now = options.open_store(ctx, root), options.read_clock()
    for event in billing.make_usage_events(store, since, now=now, seconds=WINDOWS[every]):
        output.print_data(output.as_json_text(event))
