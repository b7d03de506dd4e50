"""`gitstore store gc`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.options import progress_option
from gitstore.cli.progress import count_progress
from gitstore.cli.render.store import changes as render


@click.command()
@click.argument("names", metavar="[OWNER/MODEL]...", nargs=-1, shell_complete=candidates.store_models)
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be freed.")
@options.store_option
@progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, names: tuple[str, ...], *, dry_run: bool, root: Path | None,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Free the space of what was removed, and finish what killed commands left, in all models or in some.

    It is safe beside pushes: a model to which somebody pushes is skipped. Run it daily, with cron or a timer.

    \b
    Examples:
      gitstore store gc
      gitstore store gc ada/digits --dry-run
    """
    from gitstore.store.gc import collect_store

    store = options.open_store(ctx, root)
    models = [store.find_model(name) for name in names] or None
    with count_progress("gc", show=show_progress, in_bytes=True) as (expect, progress):
        collected = collect_store(
            store, models, dry_run=dry_run, now=options.read_clock(), expect=expect, progress=progress
        )
    render.show_gc(collected, dry_run=dry_run, as_json=as_json)
    if any(model.failed for model in collected.models):
        ctx.exit(1)
