"""`gitstore clone`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.progress import share_progress
from gitstore.cli.render.sharing import clones as render

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("url")
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option(
    "--weights",
    type=click.Choice(["all", "active", "none"]),
    default="none",
    show_default=True,
    help="Which weights to fetch now: all, those of the active state, or none.",
)
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, url: str, directory: Path | None, *, weights: str, show_progress: bool | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Clone a model from a URL or a directory: its code, settings and snapshots now, weights when needed.

    An operation, export, verify and state path fetch the weights that they need. gitstore get fetches them
    ahead. With --weights all, and where the server cannot leave them out, all weights come at once, and pull
    brings those of new snapshots, too. From a directory on the same file system, all packs are linked, which
    takes no space.

    The active state is that of the newest snapshot. DIRECTORY defaults to the last part of URL.

    \b
    Examples:
      gitstore clone git@example.org:ada/digits.git
      gitstore clone https://example.org/ada/digits --weights active
      gitstore clone /srv/models/digits.git mine
    """
    from gitstore.transfer.clone import clone, name_directory
    from gitstore.transfer.provide import Weights

    target = ctx.obj / (directory or name_directory(url))
    with share_progress("clone", show=show_progress) as progress:
        cloned = clone(
            url,
            target,
            weights=Weights(weights),
            directory=ctx.obj,
            progress=progress,
        )
    render.show_clone(cloned, as_json=as_json)
