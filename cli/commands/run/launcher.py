"""`gitstore launcher`."""

from __future__ import annotations

import click

from gitstore.cli import output
from gitstore.cli.completion import candidates
from gitstore.cli.render import launchers as render


@click.group()
def command() -> None:
    """List and stop warm launchers, which gitstore serve-model starts.

    \b
    Examples:
      gitstore launcher list
      gitstore launcher stop v1
    """


@command.command("list")
@output.json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List your warm launchers, of all repositories.

    \b
    Examples:
      gitstore launcher list
      gitstore launcher list --json
    """
    from gitstore.launchers.client import list_statuses
    from gitstore.launchers.directory import find_launchers
    from gitstore.run.cache.user_cache import find_user_cache

    render.show_list(list_statuses(find_launchers(find_user_cache(ctx.obj))), as_json=as_json)


@command.command()
@click.argument("launcher", metavar="[REF|ID]", required=False, shell_complete=candidates.snapshots)
@click.option("--all", "stop_all", is_flag=True, help="Stop all of your warm launchers.")
@output.json_option
@click.pass_context
def stop(ctx: click.Context, launcher: str | None, *, stop_all: bool, as_json: bool) -> None:
    """Stop the warm launcher of a snapshot, or the one with this id. Evaluations that run are finished.

    \b
    Examples:
      gitstore launcher stop v1
      gitstore launcher stop 3f2a9c04d1e57b68
      gitstore launcher stop --all
    """
    from gitstore.launchers.client import stop_launcher
    from gitstore.launchers.directory import find_launchers
    from gitstore.run.cache.user_cache import find_user_cache

    if (launcher is None) is not stop_all:
        raise click.UsageError("give REF, an ID, or --all", ctx)
    launchers = find_launchers(find_user_cache(ctx.obj))
    ids = [entry.id for entry in launchers.list_entries()]
    if launcher is not None:
        ids = [launcher] if launcher in ids else [_find_id(ctx, launcher)]
    for identity in ids:
        stop_launcher(launchers, identity)
    render.show_stopped(ids, as_json=as_json)


def _find_id(ctx: click.Context, reference: str) -> str:
    """Return the id of the launcher of a snapshot, whether it runs or not."""
    from gitstore.launchers.directory import identify
    from gitstore.models import reference as references

    return identify(str(references.resolve(reference, ctx.obj).tag_oid))
