"""`gitstore store show`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.render.store import models as render


@click.command()
@click.argument("name", metavar="OWNER/MODEL", shell_complete=candidates.store_models)
@options.store_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, name: str, *, root: Path | None, as_json: bool) -> None:
    """Show a model of a store: who may do what with it, its refs, and what each of them is charged.

    \b
    Examples:
      gitstore store show ada/digits
      gitstore store show ada/digits --json
    """
    from gitstore.store.listing import describe_model
    from gitstore.store.names import parse_model_name

    store, user = options.open_store(ctx, root), options.find_user()
    render.show_model(describe_model(store, parse_model_name(name), user=user), as_json=as_json)
