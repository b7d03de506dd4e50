"""`gitstore detach`."""

from __future__ import annotations

import click

from gitstore.cli import output
from gitstore.cli.render import derived as render


@click.command()
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Make a derived model's code its own: to edit, commit and take snapshots of.

    One commit on the model's branch says so in its settings, which go on to tell what it came from.
    Its name, states and snapshots stay as they are. There is no way back but a new derived model.

    If the command is interrupted, the same again finishes it.

    \b
    Examples:
      gitstore detach
      gitstore -C ../dogs detach --json
    """
    from gitstore.derive import detach
    from gitstore.models.model import Model

    render.show_detached(detach.detach(Model.open(ctx.obj)), as_json=as_json)
