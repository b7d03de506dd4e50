"""`gitstore store usage`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.commands.store.billing import periods
from gitstore.cli.completion import candidates
from gitstore.cli.render.store import billing as render


@click.command()
@click.argument("name", metavar="[OWNER[/MODEL]]", required=False, shell_complete=candidates.store_models)
@periods.since_option("Show a period that begins here: 2026-11-03 or 2026-11-03T12:00:00Z, in UTC.")
@periods.until_option("Where the period ends; now by default.")
@options.store_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    *,
    since: int | None,
    until: int | None,
    root: Path | None,
    as_json: bool,
) -> None:
    """Show what the models of a store use, and what that costs.

    Without --since and --until, it shows what is stored now, and what a month of it costs. With one of them,
    it shows a period: the bytes at its end, byte-seconds, and their cost. For OWNER/MODEL there is a line for
    each snapshot, state and branch. docs/billing.md has the rules.

    \b
    Examples:
      gitstore store usage
      gitstore store usage acme/digits
      gitstore store usage acme --since 2026-11-01 --until 2026-12-01
    """
    from gitstore.store import billing

    now = options.read_clock()
    store = options.open_store(ctx, root)
    period = periods.make_period(ctx, since, until, now=now)
    lines = billing.find_usage(store, name, period, now=now, user=options.find_user())
    currency = store.config.currency
    if as_json:
        output.print_json(render.usage_json(lines, period, currency=currency))
    else:
        render.show_usage(lines, period, currency=currency)
