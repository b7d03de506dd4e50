"""`gitstore log`."""

from __future__ import annotations

import click

from gitstore.cli import output, pager
from gitstore.cli.render import lineage as render


@click.command()
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Show models and snapshots as a tree. It shows which model is based on which snapshot.

    Below a model are its snapshots, oldest first, with their date and the size of their files. Below a
    snapshot are the models that are based on it. If a snapshot was taken when its model had another base,
    that base is shown. --json prints the models in the order of the tree, each snapshot with the names of
    the models based on it.

    \b
    Examples:
      gitstore log
      gitstore log --json
    """
    from gitstore.models import alias, catalog
    from gitstore.models.lineage import Lineage
    from gitstore.models.model import Model
    from gitstore.storage.sizes import Sizes

    current = Model.identify(ctx.obj)
    for problem in current.invalid:
        output.print_message(f"warning: {problem}")
    listing = catalog.list_models(current)
    lineage, sizes = Lineage(listing.models), Sizes(current.repository.objects)
    aliases = alias.list_names_by_tag(current.repository)
    if as_json:
        output.print_json(
            [render.line_json(line, lineage, sizes, aliases=aliases) for line in lineage.walk()]
        )
    else:
        pager.choose_colour(ctx.obj)
        with pager.paged(ctx.obj):
            output.print_data("\n".join(render.draw_tree(lineage, sizes, aliases=aliases)))
    if listing.unreadable is not None:
        raise listing.unreadable
