"""`gitstore list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstore.cli import output, pager
from gitstore.cli.commands.sharing import references
from gitstore.cli.completion import candidates
from gitstore.cli.render import snapshots as render

if TYPE_CHECKING:
    from gitstore.models.model import Model


@click.command("list")
@click.argument("place", metavar="[REMOTE:|URL]", required=False, shell_complete=candidates.remotes)
@click.option("--all", "all_models", is_flag=True, help="List the snapshots of all models.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, place: str | None, *, all_models: bool, as_json: bool) -> None:
    """List the model's snapshots, oldest first. SIZE is the size of a snapshot's files.

    With REMOTE: or a URL, list the snapshots there. No weights are fetched if the server can leave them out.

    A warning names each snapshot whose tag contradicts its settings; gitstore verify shows details.

    \b
    Examples:
      gitstore list
      gitstore list --all --json
      gitstore list origin:
      gitstore list https://example.org/ada/digits
    """
    from gitstore.models import alias
    from gitstore.models import snapshot as snapshots
    from gitstore.models.model import Model
    from gitstore.storage.sizes import Sizes

    model = _find_model(ctx, place) if place is not None else Model.identify(ctx.obj)
    listing = snapshots.list_snapshots(model, of_all_models=all_models)
    for problem in listing.contradictions:
        output.print_message(f"warning: {problem.message}")
    sizes, aliases = Sizes(model.repository.objects), alias.list_names_by_tag(model.repository)
    if as_json:
        render.print_list_json(listing.snapshots, sizes, aliases=aliases)
    elif listing.snapshots:
        pager.choose_colour(ctx.obj)
        with pager.paged(ctx.obj):
            render.show_list(listing.snapshots, sizes, aliases=aliases, all_models=all_models)
    elif listing.unreadable is None:
        output.print_message(output.add_directory("no snapshots yet; gitstore snapshot v1 takes one"))
    if listing.unreadable is not None:
        raise listing.unreadable


def _find_model(ctx: click.Context, place: str) -> Model:
    """Return the root model of a remote, or of another directory."""
    from gitstore.models.model import Model

    repository = references.open_tags(ctx, place)
    if repository is not None:
        return Model(repository, "", "")
    if (ctx.obj / place).is_dir():
        return Model.identify(ctx.obj / place)
    raise click.UsageError(f"{place} is neither REMOTE: nor a URL nor a directory", ctx)
