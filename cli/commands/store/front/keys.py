"""`gitstore store keys`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.text import counted


@click.command()
@click.option(
    "--install",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the lines into FILE, and keep the lines there that are not of this store.",
)
@options.store_option
@click.pass_context
def command(ctx: click.Context, path: Path | None, *, root: Path | None) -> None:
    """Print the lines of authorized_keys that let people in over ssh, for the keys in ROOT/keys/USER.pub.

    Each key can only run gitstore store shell USER. With --install, the lines are replaced in FILE.

    \b
    Examples:
      gitstore store keys --install ~/.ssh/authorized_keys
      gitstore store keys --store /srv/models
    """
    from gitstore.store.front import keys

    store = options.open_store(ctx, root)
    if path is None:
        for line in keys.list_lines(store):
            output.print_data(line)
    else:
        number = keys.install(store, ctx.obj / path.expanduser())
        output.print_message(f"Wrote {counted(number, 'key')} into {path}")
