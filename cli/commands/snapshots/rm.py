"""`gitstore rm`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates

if TYPE_CHECKING:
    from gitstore.snapshots.remove import Removal


@click.command()
@click.argument("references", metavar="REF...", nargs=-1, required=True, shell_complete=candidates.snapshots)
@click.option("-n", "--dry-run", is_flag=True, help="Only say what it would free, and what depends on it.")
@click.option("--force", is_flag=True, help="Also remove snapshots that derived models are based on.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.no_verify_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context,
    references: tuple[str, ...],
    *,
    dry_run: bool,
    force: bool,
    yes: bool,
    ask_hook: bool,
    as_json: bool,
) -> None:
    """Remove snapshots. Says first what that frees, and which models are based on them; asks on a terminal.

    The tags go; the disk gets free with the next gitstore gc. Derived models keep what they need of
    their base by their history, so --force takes nothing from them.

    \b
    Examples:
      gitstore rm v1 --dry-run
      gitstore rm v1 v2 dogs@v3
      gitstore rm v1 --force --yes
    """
    from gitstore.models import reference
    from gitstore.snapshots import remove

    found = [reference.resolve(each, ctx.obj) for each in references]
    if any(each.repository.common != found[0].repository.common for each in found):
        raise click.UsageError("remove the snapshots of one repository at a time", ctx)
    examined = remove.examine(found)
    if not as_json:
        _explain(examined)
    if not dry_run:
        if not force:
            remove.check(examined)
        if not yes and sys.stdin.isatty():
            _confirm(ctx, examined)
        remove.remove(examined, force=force, ask_hook=ask_hook)
    if as_json:
        output.data_json(_json(examined, removed=not dry_run))
    elif not dry_run:
        output.message(f"Removed {examined.names}; gitstore gc frees the disk")


def _confirm(ctx: click.Context, examined: Removal) -> None:
    if not click.confirm(f"Remove {examined.names}?", err=True):
        output.message("nothing removed")
        ctx.exit(1)


def _explain(examined: Removal) -> None:
    from gitstore.units import format_size

    frees = f"Removing {examined.names} frees {format_size(examined.exclusive)}"
    if examined.needed:
        frees += f", {format_size(examined.needed)} of it only when git's reflogs and indexes forget it"
    if examined.lasting:
        frees += f", {format_size(examined.lasting)} of it not yet: it lies in packs that are mostly needed"
        frees += ", or that git gc collects"
    output.message(frees)
    based = [*examined.dependents.models, *examined.dependents.snapshots]
    if based:
        output.message(f"Based on {'it' if len(examined.snapshots) == 1 else 'them'}: {', '.join(based)}")


def _json(examined: Removal, *, removed: bool) -> dict[str, object]:
    return {
        "snapshots": [
            {"name": each.short_name, "ref": each.ref, "tag": str(each.oid)} for each in examined.snapshots
        ],
        "exclusive_bytes": examined.exclusive,
        "withheld_bytes": examined.withheld,
        "models": list(examined.dependents.models),
        "dependent_snapshots": list(examined.dependents.snapshots),
        "removed": removed,
    }
