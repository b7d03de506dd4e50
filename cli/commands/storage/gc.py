"""`gitstore gc`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.progress import count_progress

if TYPE_CHECKING:
    from gitstore.run.cache import Cleared
    from gitstore.storage.gc import GcReport


_NAMED = 5
"""Refs that are named one by one."""


@click.command()
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be freed.")
@click.option(
    "--cache", "empty_cache", is_flag=True, help="Also empty the cache of files that snapshots run from."
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

    With --cache, also delete the code and states that gitstore wrote to run snapshots from. This cache is
    for all repositories of the user. Files that a running operation uses are kept.

    \b
    Examples:
      gitstore gc --dry-run
      gitstore gc
      gitstore gc --cache
    """
    from gitstore.git.repository import Repository
    from gitstore.run.cache import NOTHING, find_user_cache
    from gitstore.storage import gc

    repository = Repository.discover(ctx.obj)
    with count_progress("gc", wanted=show_progress, in_bytes=True) as (expect, progress):
        done = gc.collect_garbage(
            repository, dry_run=dry_run, prune_vanished=prune_vanished, expect=expect, progress=progress
        )
    cache = find_user_cache(ctx.obj)
    swept = cache.sweep(dry_run=dry_run)
    cleared = cache.clear(dry_run=dry_run) if empty_cache else NOTHING
    done = gc.add_leftovers(done, swept)
    if as_json:
        output.data_json(_json(done, cleared, dry_run=dry_run))
    else:
        _show(done, cleared, "Would free" if dry_run else "Freed")


def _show(done: GcReport, cleared: Cleared, verb: str) -> None:
    from gitstore.units import format_size

    output.message(f"{verb} {format_size(done.freed + cleared.freed)}")
    counts = {
        "packs removed": len(done.removed),
        "packs rewritten without their dead objects": len(done.rewritten),
        "leftovers of crashes removed": len(done.leftovers),
        "entries of the cache removed": len(cleared.removed),
        "entries of the cache in use, which stay": cleared.in_use,
    }
    for what, count in counts.items():
        if count:
            output.message(f"  {what}: {count}")
    for item in done.snapshots:
        output.message(f"  snapshot {item.name}: {format_size(item.size)}")
    if done.left:
        output.message(
            f"{format_size(done.left)} more are dead, in large or linked packs that are mostly needed;"
            " gc rewrites a pack when more than a fifth of it is dead"
        )
    _show_elsewhere(done)
    _show_vanished(done)
    for lock in done.locks:
        output.message(
            f"{lock} is a lock file of git; if no git process is running, a crash left it: remove it"
        )
    for path in done.damaged:
        output.message(
            f"{path} is an incomplete worktree of git;"
            " if no git process is running, a crash left it: remove it"
        )


def _show_elsewhere(done: GcReport) -> None:
    """What git stored, where it is, and which command frees it."""
    from gitstore.units import format_size

    if done.foreign:
        output.message(
            f"{format_size(done.foreign)} more are dead, in what git stored; git gc frees them when they are"
            " two weeks old, git gc --prune=now at once, while nothing else runs"
        )
    largest = sorted(done.elsewhere, key=lambda each: each.size, reverse=True)
    for each in largest[:_NAMED]:
        where = each.pack.name if each.pack is not None else "loose objects"
        kept = f"; not while {each.pack.with_suffix('.keep')} is there" if each.pack and each.is_kept else ""
        output.message(f"  {where}: {format_size(each.size)}{kept}")
    if len(largest) > _NAMED:
        rest = format_size(sum(each.size for each in largest[_NAMED:]))
        output.message(f"  {len(largest) - _NAMED} smaller ones: {rest}; --json lists them all")


def _show_vanished(done: GcReport) -> None:
    from datetime import datetime

    for each in done.vanished[:_NAMED]:
        since = datetime.fromtimestamp(each.since).astimezone().isoformat(sep=" ", timespec="minutes")
        repair = f"git update-ref {shlex.quote(each.ref)} {each.oid} restores it"
        output.message(
            f"{each.ref} was deleted or moved without gitstore, noticed {since}; its objects are kept;"
            f" {repair}"
        )
    if len(done.vanished) > _NAMED:
        output.message(f"… and {len(done.vanished) - _NAMED} more refs; --json lists them all")
    if done.vanished:
        output.message("gitstore gc --prune-vanished deletes these objects")


def _json(done: GcReport, cleared: Cleared, *, dry_run: bool) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(done) | {
        "freed": done.freed + cleared.freed,
        "cache": [item._asdict() for item in cleared.removed],
        "locks": [str(path) for path in done.locks],
        "vanished": [
            {"ref": each.ref, "oid": str(each.oid), "since": int(each.since)} for each in done.vanished
        ],
        "damaged": [str(path) for path in done.damaged],
        "elsewhere": [
            {
                "pack": each.pack.name if each.pack is not None else None,
                "size": each.size,
                "kept": each.is_kept,
            }
            for each in done.elsewhere
        ],
        "dry_run": dry_run,
    }
