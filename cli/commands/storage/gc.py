"""`gitstore gc`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.progress import count_progress
from gitstore.cli.render import gc as render

if TYPE_CHECKING:
    from gitstore.disk.entries import Cleared


@click.command()
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be freed.")
@click.option(
    "--cache",
    "empty_cache",
    is_flag=True,
    help="Also empty the cache of files that snapshots run from, and remove all environments.",
)
@click.option(
    "--prune-vanished",
    is_flag=True,
    help="Also delete the objects of refs that were deleted or moved without gitstore.",
)
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, *, dry_run: bool, empty_cache: bool, prune_vanished: bool,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Delete objects that nothing needs from gitstore's packs. Also delete what crashes left behind.

    An object is needed if a ref, a working copy or a reflog leads to it. A pack without needed objects is
    deleted. A pack with some objects that are not needed is rewritten without them, unless it has 64 MiB or
    more and they are at most a fifth of it. Objects that git stored are left to git gc.

    What gitstore removed is deleted at once. If the ref of a snapshot, state or branch was deleted in
    another way (git tag -d, or a crash that damaged packed-refs), its objects are kept for two weeks after
    the first gc that notices it, or for the time of gc.pruneExpire. Until then, the ref can be restored.

    With --cache, also delete the code and states that gitstore wrote to run snapshots from, and the
    environments that it built. They are for all repositories of the user. What a running operation uses is
    kept.

    \b
    Examples:
      gitstore gc --dry-run
      gitstore gc
      gitstore gc --cache
    """
    from gitstore.git.repository import Repository
    from gitstore.storage import gc

    repository = Repository.discover(ctx.obj)
    with count_progress("gc", show=show_progress, in_bytes=True) as (expect, progress):
        report = gc.collect_garbage(
            repository, dry_run=dry_run, prune_vanished=prune_vanished, expect=expect, progress=progress
        )
    cleared = _clear_caches(ctx.obj, only_leftovers=not empty_cache, dry_run=dry_run)
    if as_json:
        output.print_json(render.to_json(report, *cleared, dry_run=dry_run))
    else:
        render.show(report, *cleared, dry_run=dry_run)


def _clear_caches(directory: Path, *, only_leftovers: bool, dry_run: bool) -> list[Cleared]:
    """Clear the user's cache, and then the environments."""
    from gitstore.run.cache.user_cache import find_user_cache
    from gitstore.run.conditions import find_environments

    cache = find_user_cache(directory)
    stores = (cache, find_environments(cache))
    return [store.clear(only_leftovers=only_leftovers, dry_run=dry_run) for store in stores]
