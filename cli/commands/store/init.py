"""`gitstore store init`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.render.store import stores as render


@click.command()
@click.argument("root", type=click.Path(path_type=Path, file_okay=False), metavar="ROOT")
@output.json_option
@click.pass_context
def command(ctx: click.Context, root: Path, *, as_json: bool) -> None:
    """Create a store in the directory ROOT, or bring an existing one up to date.

    Run it again after store.yaml has changed, and after the store or Python has moved: it sets what is
    different in the hooks and in the git configuration of all repositories. store.yaml itself stays as it is.

    \b
    Examples:
      gitstore store init /srv/models
    """
    from gitstore.store.create import init_store

    render.show_initialized(init_store(ctx.obj / root), as_json=as_json)
