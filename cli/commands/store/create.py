"""`gitstore store create`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.render.store import models as render


@click.command()
@click.argument("name", metavar="OWNER/MODEL")
@options.store_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, name: str, *, root: Path | None, as_json: bool) -> None:
    """Create an empty model, to which others can push. Needs the role write for the owner.

    The owner needs no entry in store.yaml. Without one, only the operator and admins of the store may push.

    \b
    Examples:
      gitstore store create ada/digits
      ssh git@models.example.org create ada/digits
    """
    from gitstore.store.create import create_model
    from gitstore.store.names import parse_model_name

    model = create_model(
        options.open_store(ctx, root),
        parse_model_name(name),
        user=options.find_user(),
        now=options.read_clock(),
    )
    render.show_created(model, as_json=as_json)
