"""`gitstore store derive`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.render.store import changes as render


@click.command()
@click.argument("base", metavar="OWNER/MODEL@SNAPSHOT", shell_complete=candidates.store_snapshots)
@click.argument("name", metavar="OWNER/NEW")
@options.store_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, base: str, name: str, *, root: Path | None, as_json: bool) -> None:
    """Create a model that is based on a snapshot of another one, in the same store. Needs the role read for
    the base, and write for the new model's owner.

    The new model shares the base's packs on disk, which takes no space, however large the weights are. It has
    what the base's snapshot needs, and nothing else of that model. The base may be removed afterwards.

    \b
    Examples:
      gitstore store derive ada/digits@v1 eve/digits-fine
      ssh git@models.example.org derive ada/digits@v1 eve/digits-fine
    """
    from gitstore.store.derive import derive_model
    from gitstore.store.names import parse_model_name, parse_snapshot_name

    derived = derive_model(
        options.open_store(ctx, root),
        parse_snapshot_name(base),
        parse_model_name(name),
        user=options.find_user(),
        process=os.getpid(),
        now=options.read_clock(),
    )
    render.show_derived(derived, as_json=as_json)
