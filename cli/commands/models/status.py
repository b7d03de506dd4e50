"""`gitstore status`."""

from __future__ import annotations

import click

from gitstore.cli import options, output, totals
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import status as render


@click.command()
@options.progress_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, show_progress: bool | None, as_json: bool) -> None:
    """Show the model's base and active state, and what has changed since its last snapshot.

    The last snapshot is the one with the latest date. Below it is what differs from it, and what of
    code and settings is not committed; gitstore diff and git status show that in full. The active
    state is unborn, saved, on disk (and not saved), modified (since it was saved), or nowhere.
    What cannot be told, such as what broken settings mean, is listed as a problem, and the exit
    code is 0 all the same.

    \b
    Examples:
      gitstore status
      gitstore status --json
    """
    from gitstore.diff import status
    from gitstore.models.model import Model

    model = Model.open(ctx.obj)
    with byte_progress("read state", totals.on_disk(model), wanted=show_progress) as progress:
        report = status.of(model, progress)
    if as_json:
        output.data_json(render.to_json(report))
    else:
        output.data("\n".join(map(output.here, render.describe(report))))
