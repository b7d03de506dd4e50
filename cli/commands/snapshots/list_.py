"""`gitstore list`."""

from __future__ import annotations

import click

from gitstore.cli import output, pager
from gitstore.cli.render import snapshots as render


@click.command("list")
@click.option("--all", "all_models", is_flag=True, help="List the snapshots of all models.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, all_models: bool, as_json: bool) -> None:
    """List the model's snapshots, oldest first. SIZE is the size of a snapshot's files.

    A warning names each snapshot whose tag contradicts its settings; gitstore verify shows details.

    \b
    Examples:
      gitstore list
      gitstore list --all --json
    """
    from gitstore.models import alias
    from gitstore.models import snapshot as snapshots
    from gitstore.models.model import Model
    from gitstore.storage.sizes import Sizes

    model = Model.identify(ctx.obj)
    listing = snapshots.list_snapshots(model, of_all_models=all_models)
    for problem in listing.contradictions:
        output.print_message(f"warning: {problem.message}")
    sizes, aliases = Sizes(model.repository.objects), alias.list_names_by_tag(model.repository)
    if as_json:
        output.print_json(
            [
                render.to_json(
                    snapshot, sizes.measure_snapshot(snapshot), aliases=aliases.get(snapshot.tag_oid, ())
                )
                for snapshot in listing.snapshots
            ]
        )
    elif listing.snapshots:
        pager.choose_colour(ctx.obj)
        with pager.paged(ctx.obj):
            render.show_list(listing.snapshots, sizes, aliases=aliases, all_models=all_models)
    elif listing.unreadable is None:
        output.print_message(output.add_directory("no snapshots yet; gitstore snapshot v1 takes one"))
    if listing.unreadable is not None:
        raise listing.unreadable
