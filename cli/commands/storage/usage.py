"""`gitstore usage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstore.cli import output
from gitstore.cli.commands.sharing import references
from gitstore.cli.commands.storage import prices
from gitstore.cli.completion import candidates
from gitstore.cli.render import usage as render

if TYPE_CHECKING:
    from gitstore.billing.prices import Price
    from gitstore.git.repository import Repository
    from gitstore.storage.usage import Usage


@click.command()
@click.argument("reference", metavar="[REF]", required=False, shell_complete=candidates.snapshots)
@click.option("--packs", is_flag=True, help="Show what the bytes of each pack are for.")
@click.option(
    "--price",
    metavar="PRICE",
    callback=prices.read_price,
    help="Also show what that costs a month: an amount for a size and a time, such as 0.02/GiB-month.",
)
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, reference: str | None, *, packs: bool, price: Price | None, as_json: bool
) -> None:
    """Show how many bytes are stored, and what they are stored for.

    \b
    LOGICAL    the size of its files on disk
    EXCLUSIVE  stored for this holder alone: what removing it frees
    SHARED     stored for this holder and others
    CHARGED    EXCLUSIVE plus an equal part of SHARED; all charges add up to the total

    With REF, show one snapshot of them. REMOTE: or a URL measures that repository, without the weights
    that its server can leave out. The sums per model show what removing a model would free.

    With --price, COST is what a month of CHARGED costs, and SAVES what removing the holder would save.

    The cache and the environments are for all repositories of the user, and are not charged to a model.
    gitstore gc --cache empties both.

    \b
    Examples:
      gitstore usage
      gitstore usage v1 --packs
      gitstore usage origin:
      gitstore usage --price 0.02/GiB-month
      gitstore usage --json
    """
    from gitstore.run.cache.user_cache import find_user_cache
    from gitstore.run.conditions import find_environments
    from gitstore.storage import cost

    (repository, measured), cache = _measure(ctx, reference), find_user_cache(ctx.obj)
    cached, environments = cache.measure_use(repository), find_environments(cache).measure_size()
    priced = cost.price_usage(measured, price, now=prices.read_clock()) if price is not None else None
    if as_json:
        output.print_json(render.to_json(measured, cached, environments, cost=priced))
    else:
        render.show(measured, cached, environments, with_packs=packs, cost=priced)


def _measure(ctx: click.Context, reference: str | None) -> tuple[Repository, Usage]:
    """Measure a repository, and return what counts: all of it, or one snapshot."""
    from gitstore.storage import usage

    repository, ref = _find_holder(ctx, reference)
    measured = usage.measure(repository)
    return repository, measured if ref is None else measured.only(ref)


def _find_holder(ctx: click.Context, reference: str | None) -> tuple[Repository, str | None]:
    """Return the repository to measure, and the ref of the snapshot that is meant, if any."""
    from gitstore.models.model import Model

    if reference is None:
        return Model.identify(ctx.obj).repository, None
    holders = references.open_holders(ctx, reference)
    if holders is not None:
        return holders
    snapshot = references.resolve(ctx, reference)
    return snapshot.repository, snapshot.ref
