"""`gitstore store forecast`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.render.store import billing as render


@click.command()
@click.argument(
    "names", metavar="[OWNER/MODEL[@SNAPSHOT]]...", nargs=-1, shell_complete=candidates.store_snapshots
)
@options.store_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], *, root: Path | None, as_json: bool) -> None:
    """Show what this month will cost each owner, or what removing models and snapshots would save a month.

    Nothing is removed. What others still need is not saved: they would be charged for it.

    \b
    Examples:
      gitstore store forecast
      gitstore store forecast acme/digits@v1
      gitstore store forecast acme/digits@v1 acme/digits@v2 acme/old
    """
    from gitstore.store import billing
    from gitstore.store.names import parse_model_name, parse_snapshot_name

    store, now = options.open_store(ctx, root), options.read_clock()
    parsed = [parse_snapshot_name(name) if "@" in name else parse_model_name(name) for name in names]
    months = billing.forecast_months(store, now=now) if not names else []
    removal = billing.forecast_removal(store, parsed, now=now) if names else None
    currency = store.config.currency
    if as_json:
        output.print_json(render.forecast_json(months, removal, currency=currency))
    elif removal is not None:
        render.show_removal(removal, currency=currency)
    else:
        render.show_months(months, currency=currency)
