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
    """Show what changed since the last snapshot. Also shows the model's base and its active state.

    The last snapshot is the one with the latest date. Status lists what differs from it, and which
    changes to code and settings are not committed; gitstore diff and git status show the details. The
    active state is saved, on disk (and not saved), or modified (since it was saved). Without files, it is
    unborn if it is `initial`; any other state is nowhere: its files are gone. If something cannot be
    shown, for instance because settings.yaml is invalid, it is listed as a problem; the exit code is
    still 0.

    \b
    Examples:
      gitstore status
      gitstore status --json
    """
    from gitstore.diff.status import read_status
    from gitstore.models.model import Model

    model = Model.open(ctx.obj)
    with byte_progress("read state", totals.on_disk(model), show=show_progress) as progress:
        report = read_status(model, progress)
    if as_json:
        output.print_json(render.to_json(report))
    else:
        output.print_data("\n".join(map(output.add_directory, render.describe(report))))
