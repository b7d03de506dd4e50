"""`gitstore pull`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.commands.sharing import arguments
from gitstore.cli.progress import byte_progress
from gitstore.cli.render.sharing import transfers as render

if TYPE_CHECKING:
    from gitstore.models.model import Model


@click.command()
@arguments.names_argument
@arguments.states_option("Also fetch a state that is not here, or all of them. Can be repeated.")
@click.option("--models", "all_models", is_flag=True, help="Also fetch the snapshots of the other models.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be fetched.")
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, names: tuple[str, ...], *, states: tuple[str, ...], all_models: bool, dry_run: bool,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Fetch new snapshots from another repository, states that moved there, and the branch's new commits.

    REMOTE is the name of a remote, a URL or a path. It defaults to the remote that the branch follows. With
    SNAPSHOT, only these snapshots are fetched.

    The branch only moves forward. A state with unsaved changes stays as it is. What moved on both sides is
    reported, and nothing is lost.

    \b
    Examples:
      gitstore pull
      gitstore pull origin v3
      gitstore pull --states=night-shift
      gitstore pull --dry-run
    """
    from gitstore.models.model import Model
    from gitstore.models.newer import find_newer
    from gitstore.transfer import pull
    from gitstore.transfer.remotes import connected, find_remote

    model = Model.open(ctx.obj)
    place, snapshots = arguments.split(model.repository, names, ctx.obj)
    remote = find_remote(model.repository, place, directory=ctx.obj)
    remote = ctx.with_resource(connected(remote, lambda: model.repository.git_config))
    selection = pull.PullSelection(snapshots, *arguments.read_states(states), all_models=all_models)
    prepared = pull.prepare(model, remote, selection)
    if dry_run:
        render.show_pull(prepared, pull.Pulled(prepared.plan), dry_run=True, as_json=as_json)
        return
    with byte_progress(f"pull from {remote}", None, show=show_progress) as progress:
        pulled = pull.pull(prepared, progress=progress)
    render.show_pull(prepared, pulled, dry_run=False, as_json=as_json)
    fresh = Model.open(ctx.obj)
    render.show_newer(find_newer(fresh))
    _show_newer_there(fresh)
    pull.check(prepared, pulled)


def _show_newer_there(model: Model) -> None:
    """Say which snapshots of a base behind a URL are newer. That it cannot be reached is no failure."""
    from gitstore.errors import GitstoreError
    from gitstore.transfer.elsewhere.newer import find_newer_names

    try:
        names = find_newer_names(model)
    except GitstoreError as error:
        output.print_message(f"warning: newer snapshots of the base are not known: {error.message}")
        return
    if names and model.base is not None:
        render.show_newer_names(model.base.model, names)
