"""`gitstore detach`."""

from __future__ import annotations

import click

from gitstore.cli import output
from gitstore.cli.render import derived as render


@click.command()
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Give a derived model its own code. The code can then be edited, committed and put into snapshots.

    This adds one commit to the model's branch, which notes it in settings.yaml. The settings still name the
    former base. The model's name, states and snapshots do not change. To undo it at once, run
    git reset --keep 'HEAD@{1}'.

    If the command is interrupted, run it again to finish it.

    \b
    Examples:
      gitstore detach
      gitstore -C ../dogs detach --json
    """
    from gitstore.derive import detach
    from gitstore.models.model import Model

    render.show_detached(detach.detach(Model.open(ctx.obj)), as_json=as_json)
