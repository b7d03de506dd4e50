"""`gitstore store list`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.render.store import models as render


@click.command()
@click.argument("owner", required=False, shell_complete=candidates.store_owners)
@options.store_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, owner: str | None, *, root: Path | None, as_json: bool) -> None:
    """List the models of a store, or of one OWNER, that you may read.

    SIZE is what the model is charged. What it shares with the model that it was derived from is charged
    there.

    \b
    Examples:
      gitstore store list
      gitstore store list ada --json
    """
    from gitstore.store.listing import list_models

    models = list_models(options.open_store(ctx, root), owner, user=options.find_user())
    if as_json:
        output.print_json([render.to_json(model) for model in models])
    else:
        render.show_list(models)
