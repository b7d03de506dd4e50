"""`gitstore models`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import options, output, totals
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress

if TYPE_CHECKING:
    from gitstore.derive.remove import ModelRemoval
    from gitstore.models.catalog import Listed
    from gitstore.models.lineage import Lineage
    from gitstore.storage.sizes import Sizes


@click.group(invoke_without_command=True)
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the models of the repository: the root model first, then the derived ones. Remove derived ones.

    SIZE is that of the files of all its snapshots together, STATE the active one and STATE SIZE that of
    its files as they are saved.

    \b
    Examples:
      gitstore models
      gitstore models --json
      gitstore models rm dogs
    """
    if ctx.invoked_subcommand is not None:
        return
    from gitstore.models import catalog
    from gitstore.models.lineage import Lineage
    from gitstore.models.model import Model
    from gitstore.storage.sizes import Sizes

    here = Model.identify(ctx.obj)
    for problem in here.invalid:
        output.message(f"warning: {problem}")
    found = catalog.every(here)
    lineage, sizes = Lineage(found.models), Sizes(here.repository.objects)
    rows = [_row(each, lineage, sizes) for each in found.models]
    if as_json:
        output.data_json(rows)
    else:
        _table(rows)
    if found.unreadable is not None:
        raise found.unreadable


@command.command()
@click.argument("name", shell_complete=candidates.models)
@click.option("-n", "--dry-run", is_flag=True, help="Only say what it would free and lose.")
@click.option(
    "--force", is_flag=True, help="Remove it although files would be lost, or models are based on it."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.no_verify_option
@options.progress_option
@output.json_option
@click.pass_context
def rm(
    ctx: click.Context,
    name: str,
    *,
    dry_run: bool,
    force: bool,
    yes: bool,
    ask_hook: bool,
    show_progress: bool | None,
    as_json: bool,
) -> None:
    """Remove a derived model whole: snapshots, states, branch and working copy.

    Says first what that frees and loses; asks on a terminal. Unsaved states and uncommitted edits need
    --force, and so does a model that others are based on: these keep what they need. The disk gets free
    with the next gitstore gc. If the command is interrupted, the same again finishes it.

    \b
    Examples:
      gitstore models rm dogs --dry-run
      gitstore models rm dogs --yes
    """
    from gitstore.derive import remove
    from gitstore.models.model import Model

    model = Model.open(ctx.obj)
    total = totals.states_on_disk(model, name)
    with byte_progress(f"check {name}", total, wanted=show_progress) as progress:
        examined = remove.examine(model, name, progress)
    if not as_json:
        _explain(examined)
    if not dry_run:
        if not force:
            remove.check(examined)
        if not yes and sys.stdin.isatty() and not click.confirm(f"Remove the model {name}?", err=True):
            output.message("nothing removed")
            ctx.exit(1)
        remove.remove(examined, ask_hook=ask_hook)
    if as_json:
        output.data_json(_removal(examined, removed=not dry_run))
    elif not dry_run:
        output.message(f"Removed the model {name}; gitstore gc frees the disk")


def _explain(examined: ModelRemoval) -> None:
    from gitstore.units import format_size

    counts = {"snapshot": len(examined.snapshots), "state": len(examined.states)}
    held = ", ".join(f"{number} {what}{'s' * (number != 1)}" for what, number in counts.items())
    where = f" and {output.shown(str(examined.directory))}" if examined.directory is not None else ""
    output.message(
        f"Removing the model {examined.name}: {held}{where}; frees {format_size(examined.exclusive)}"
    )
    if examined.lost:
        output.message(f"Lost for good: {', '.join(output.shown(str(path)) for path in examined.lost)}")
    based = [*examined.dependents.models, *examined.dependents.snapshots]
    if based:
        output.message(f"Based on it: {', '.join(based)}")


def _removal(examined: ModelRemoval, *, removed: bool) -> dict[str, Any]:
    return {
        "name": examined.name,
        "directory": str(examined.directory) if examined.directory is not None else None,
        "snapshots": [each.short_name for each in examined.snapshots],
        "states": list(examined.states),
        "exclusive_bytes": examined.exclusive,
        "lost": [str(path) for path in examined.lost],
        "models": list(examined.dependents.models),
        "dependent_snapshots": list(examined.dependents.snapshots),
        "removed": removed,
    }


def _row(each: Listed, lineage: Lineage, sizes: Sizes) -> dict[str, Any]:
    tree = each.state_tree
    return {
        "name": each.name,
        "derived": bool(each.prefix),
        "base": lineage.describe(each.base) if each.base is not None else None,
        "detached": bool(each.base is not None and each.base.detached),
        "snapshots": len(each.snapshots),
        "size": sum(map(sizes.snapshot, each.snapshots)),
        "state": each.state,
        "state_size": sizes.tree(tree) if tree is not None else None,
        "directory": str(each.directory) if each.directory is not None else None,
    }


def _table(rows: list[dict[str, Any]]) -> None:
    from gitstore.units import format_size

    output.table(
        ["MODEL", "BASE", "SNAPSHOTS", "SIZE", "STATE", "STATE SIZE", "DIRECTORY"],
        [
            [
                row["name"],
                (row["base"] or "") + (" (detached)" if row["detached"] else ""),
                str(row["snapshots"]),
                format_size(row["size"]),
                row["state"],
                format_size(row["state_size"]) if row["state_size"] is not None else "",
                row["directory"] or "",
            ]
            for row in rows
        ],
        right=[2, 3, 5],
    )
