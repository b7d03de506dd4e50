"""`gitstore store audit`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.render.store import stores as render
from gitstore.errors import Corrupt


@click.command()
@click.argument("names", metavar="[OWNER/MODEL]...", nargs=-1, shell_complete=candidates.store_models)
@options.store_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], *, root: Path | None, as_json: bool) -> None:
    """Compute the whole ledger of a store anew from its repositories, or that of some models, and compare.

    What killed pushes left is recorded first, and so are refs that somebody moved with git itself. Exits with
    12 if anything differs, and names the row, or the model and its ref. Keep the head that it shows: with it,
    you can tell later whether rows are missing at the end of the ledger.

    \b
    Examples:
      gitstore store audit
      gitstore store audit ada/digits --json
    """
    from gitstore.store.audit import audit_store

    store = options.open_store(ctx, root)
    models = [store.find_model(name) for name in names] or None
    report = audit_store(store, models, now=options.read_clock())
    render.show_audit(report, as_json=as_json)
    if report.problems:
        ctx.exit(Corrupt.exit_code)
