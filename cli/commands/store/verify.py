"""`gitstore store verify`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.options import progress_option
from gitstore.cli.progress import count_progress
from gitstore.cli.render.store import stores as render
from gitstore.errors import Corrupt


@click.command()
@click.argument("names", metavar="[OWNER/MODEL]...", nargs=-1, shell_complete=candidates.store_models)
@options.store_option
@progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, names: tuple[str, ...], *, root: Path | None, show_progress: bool | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Check that all models of a store are intact, or some: hash every object again, and check all snapshots.

    Exits with 12 if anything is wrong.

    \b
    Examples:
      gitstore store verify
      gitstore store verify ada/digits --json
    """
    from gitstore.store.verify import verify_store

    store = options.open_store(ctx, root)
    models = [store.find_model(name) for name in names] or None
    with count_progress("verify", show=show_progress, in_bytes=True) as (expect, progress):
        verified = verify_store(store, models, expect=expect, progress=progress)
    render.show_verified(verified, as_json=as_json)
    if any(model.problems for model in verified):
        ctx.exit(Corrupt.exit_code)
