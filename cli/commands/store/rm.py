"""`gitstore store rm`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.render.store import changes as render

if TYPE_CHECKING:
    from gitstore.store.remove import StoreRemoval
    from gitstore.store.store import Store


@click.command()
@click.argument(
    "names", metavar="OWNER/MODEL[@SNAPSHOT]...", nargs=-1, required=True,
    shell_complete=candidates.store_snapshots,
)  # fmt: skip
@click.option("-n", "--dry-run", is_flag=True, help="Only show what removing would free, and who needs it.")
@click.option(
    "--force", is_flag=True, help="Also remove snapshots that have an alias, or that models are based on."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.store_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, names: tuple[str, ...], *, dry_run: bool, force: bool, yes: bool, root: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Remove a model with all its snapshots, or snapshots of a model: all or none. Needs the role admin for
    the model.

    Its bytes are charged no longer from that moment, unless other models need them: those are charged then.
    gitstore store gc gives the space back.

    \b
    Examples:
      gitstore store rm ada/digits@v1 --dry-run
      gitstore store rm ada/digits@v1 ada/digits@v2
      gitstore store rm ada/digits
      ssh git@models.example.org rm ada/digits@v1
    """
    store = options.open_store(ctx, root)
    if not dry_run and not yes and sys.stdin.isatty():
        planned = _remove(store, names, dry_run=True, force=force)
        render.show_removal(planned, dry_run=True, as_json=False, only_messages=True)
        output.confirm(ctx, f"Remove {', '.join(names)}?", assumed=False)
    removal = _remove(store, names, dry_run=dry_run, force=force)
    render.show_removal(removal, dry_run=dry_run, as_json=as_json)


def _remove(store: Store, names: Sequence[str], *, dry_run: bool, force: bool) -> StoreRemoval:
    from gitstore.store.names import parse_model_name, parse_snapshot_name
    from gitstore.store.remove import remove_model, remove_snapshots

    user, now = options.find_user(), options.read_clock()
    if len(names) == 1 and "@" not in names[0]:
        return remove_model(store, parse_model_name(names[0]), user=user, now=now, dry_run=dry_run)
    snapshots = [parse_snapshot_name(name) for name in names]
    return remove_snapshots(store, snapshots, user=user, now=now, dry_run=dry_run, force=force)
