"""`gitstore get`."""

from __future__ import annotations

import click

from gitstore.cli import output
from gitstore.cli.completion import candidates
from gitstore.cli.render.sharing import clones as render


@click.command()
@click.argument("references", metavar="REF...", nargs=-1, shell_complete=candidates.snapshots)
@click.option("--all", "all_weights", is_flag=True, help="Fetch the weights of all snapshots and states.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, references: tuple[str, ...], *, all_weights: bool, as_json: bool) -> None:
    """Fetch the weights of snapshots into a partial clone. Without REF, fetch those of the active state.

    What is here already is not fetched again. If the connection breaks, run it again: what has arrived stays.

    \b
    Examples:
      gitstore get v1
      gitstore get
      gitstore get --all
    """
    from gitstore.models import reference
    from gitstore.models.model import Model
    from gitstore.transfer.provide import Weights, list_roots, provide

    if references and all_weights:
        raise click.UsageError("--all is for all snapshots; name none, or leave it out", ctx)
    model = Model.open(ctx.obj)
    snapshots = [reference.resolve(name, ctx.obj) for name in references]
    roots = [snapshot.tree for snapshot in snapshots]
    if not roots:
        roots = list_roots(model, Weights.ALL if all_weights else Weights.ACTIVE)
    repository = snapshots[0].repository if snapshots else model.repository
    render.show_fetched(provide(repository, roots), as_json=as_json)
