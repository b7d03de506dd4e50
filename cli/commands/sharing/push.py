"""`gitstore push`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import options, output
from gitstore.cli.commands.sharing import arguments
from gitstore.cli.progress import byte_progress
from gitstore.cli.render.sharing import transfers as render

if TYPE_CHECKING:
    from pathlib import Path

    from gitstore.transfer.push import PreparedPush


@click.command()
@arguments.names_argument
@arguments.states_option("Also send a saved state, or all of them. Can be repeated.")
@click.option("--models", "all_models", is_flag=True, help="Also send the repository's other models.")
@click.option("--aliases", is_flag=True, help="Also send the aliases, and the snapshots that have them.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would travel.")
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, /, *, dry_run: bool, show_progress: bool | None, as_json: bool, **selection: Any
) -> None:
    """Send the model's branch and its snapshots to another repository, on any git host.

    REMOTE is the name of a remote, a URL or a path. It defaults to the remote that git push would use. With
    SNAPSHOT, only these snapshots are sent. Exactly the objects that the remote lacks travel, and all refs
    move at the end, together.

    A snapshot that the remote has under the same name with other content is never overwritten. A state is
    overwritten there unless somebody else has changed it since the last push or pull. Aliases only move
    forward. Records of evaluations and trainings travel with what they are about.

    \b
    Examples:
      gitstore push
      gitstore push origin v1 v2
      gitstore push --states=night-shift
      gitstore push --states --models git@example.org:ada/digits.git
      gitstore push --aliases --dry-run
    """
    prepared = _prepare(ctx, dry_run=dry_run, **selection)
    if not dry_run:
        from gitstore.transfer import push

        label, size = f"push to {prepared.remote}", prepared.size.size
        with byte_progress(label, size, show=show_progress) as progress:
            push.push(prepared, progress=progress)
    render.show_push(prepared, dry_run=dry_run, as_json=as_json)
    prepared.check_all()


def _prepare(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    states: tuple[str, ...],
    all_models: bool,
    aliases: bool,
    dry_run: bool,
) -> PreparedPush:
    """Plan the push that the arguments ask for. The connection stays until the command ends."""
    from gitstore.models import reference
    from gitstore.models.model import Model
    from gitstore.transfer import push
    from gitstore.transfer.remotes import connected, find_remote
    from gitstore.transfer.wanted import Selection

    directory: Path = ctx.obj
    model = Model.open(directory)
    place, references = arguments.split(model.repository, names, directory)
    if references and all_models:
        raise click.UsageError("--models sends all snapshots; name none, or leave it out")
    remote = find_remote(model.repository, place, directory=directory, to_push=True)
    remote = ctx.with_resource(connected(remote, lambda: model.repository.git_config))
    snapshots = tuple(reference.resolve(name, directory) for name in references)
    states_to_send = arguments.read_states(states)
    selection = Selection(snapshots, *states_to_send, all_models=all_models, all_aliases=aliases)
    prepared = push.prepare(model, remote, selection, dry_run=dry_run)
    prepared.check_named()
    return prepared
