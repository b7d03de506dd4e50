"""`gitstore rm`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.commands.store import options as store_options
from gitstore.cli.completion import candidates
from gitstore.cli.render import snapshots as render

if TYPE_CHECKING:
    from gitstore.transfer.elsewhere.removal import RemoteRemoval, RemoveTags
    from gitstore.transfer.wire import PushRefused


@click.command()
@click.argument("references", metavar="REF...", nargs=-1, required=True, shell_complete=candidates.snapshots)
@click.option(
    "-n", "--dry-run", is_flag=True, help="Only show what removing would free, and what depends on it."
)
@click.option(
    "--force", is_flag=True, help="Also remove snapshots that have an alias, or that models are based on."
)
@click.option(
    "--remote", metavar="NAME", shell_complete=candidates.remotes,
    help="Remove the snapshots of a remote or URL, and none here.",
)  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.no_verify_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, references: tuple[str, ...], *, dry_run: bool, force: bool, remote: str | None,
    yes: bool, call_hook: bool, as_json: bool,
) -> None:  # fmt: skip
    """Remove snapshots. First shows what that frees, and which models are based on them; asks on a
    terminal.

    This removes the tags; the next gitstore gc frees the disk space. Derived models keep what they need of
    their base, because it is in their history, so --force takes nothing from them.

    With --remote, the snapshots are removed in another repository, if it permits that, and not here. A store
    lets its admins do so, over ssh or with its path.

    \b
    Examples:
      gitstore rm v1 --dry-run
      gitstore rm v1 v2 dogs@v3
      gitstore rm v1 --force --yes
      gitstore rm v1 --remote origin
    """
    if remote is not None:
        _remove_remotely(ctx, remote, dry_run=dry_run, force=force, yes=yes, as_json=as_json)
        return
    from gitstore.models import reference
    from gitstore.snapshots import remove

    snapshots = [reference.resolve(name, ctx.obj) for name in references]
    removal = remove.plan_removal(snapshots)
    if not as_json:
        render.explain_removal(removal)
    if not dry_run:
        if not force:
            remove.check_dependents(removal)
            remove.check_aliases(removal)
        output.confirm(ctx, f"Remove {removal.names}?", assumed=yes)
        remove.remove(removal, force=force, call_hook=call_hook)
    if as_json:
        output.print_json(render.removal_json(removal, removed=not dry_run))
    elif not dry_run:
        output.print_message(f"Removed {removal.names}; gitstore gc frees the disk space")


def _remove_remotely(
    ctx: click.Context, name: str, *, dry_run: bool, force: bool, yes: bool, as_json: bool
) -> None:
    """Remove snapshots of a remote."""
    from gitstore.cli.render.sharing import removals
    from gitstore.git.repository import Repository
    from gitstore.transfer.elsewhere import removal as removing
    from gitstore.transfer.remotes import connected, find_remote

    repository = Repository.discover(ctx.obj)
    remote = find_remote(repository, name, directory=ctx.obj, to_push=True)
    remote = ctx.with_resource(connected(remote, lambda: repository.git_config))
    removal = removing.plan_remote_removal(repository, remote, ctx.params["references"])
    if not as_json:
        removals.explain(removal)
    if not dry_run:
        if not force:
            removing.check_aliases(removal)
        output.confirm(ctx, f"Remove {removal.names} in {remote}?", assumed=yes)
        removing.remove_remotely(removal, by_host=partial(_find_remove_tags, removal, force=force))
    removals.show(removal, removed=not dry_run, as_json=as_json)


def _find_remove_tags(removal: RemoteRemoval, refused: PushRefused, *, force: bool) -> RemoveTags | None:
    """Return how a remote that refused a push removes snapshots, if it is a store."""
    from gitstore.store.client.remove import Removing, find_remove_tags

    by = Removing(store_options.find_user(), store_options.read_clock(), force)
    return find_remove_tags(removal, refused, by)
