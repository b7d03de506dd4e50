"""`gitstore store invoice`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.commands.store.billing import periods
from gitstore.cli.completion import candidates
from gitstore.cli.render.store import billing as render

if TYPE_CHECKING:
    from gitstore.billing.periods import Period


@click.command()
@click.option(
    "--month", metavar="MONTH", required=True, callback=periods.read_month, help="The month: 2026-11, in UTC."
)
@click.option(
    "--owner", metavar="OWNER", shell_complete=candidates.store_owners, help="Only the invoice of this owner."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with a line for each line of an invoice.")
@options.store_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, *, month: Period, owner: str | None, as_csv: bool, root: Path | None, as_json: bool
) -> None:
    """Print what each owner owes for a month, with a line for each snapshot, state and branch.

    The total of an invoice is exact, and rounded once to a millionth of the currency's unit. The lines add up
    to it. A month that is not over is charged up to now. docs/billing.md has the rules.

    \b
    Examples:
      gitstore store invoice --month 2026-11
      gitstore store invoice --month 2026-11 --owner acme --csv > acme.csv
    """
    from gitstore.store import billing

    if as_csv and as_json:
        raise click.UsageError("give --csv or --json", ctx)
    invoices = billing.make_invoices(options.open_store(ctx, root), owner, month, now=options.read_clock())
    if as_json:
        output.print_json([render.invoice_json(invoice) for invoice in invoices])
    elif as_csv:
        output.print_data(render.invoices_csv(invoices))
    elif invoices:
        render.show_invoices(invoices)
    else:
        output.print_message("Nothing was charged in this month")
