"""`gitstore restore`."""

from __future__ import annotations

import click

from gitstore.cli import options, output, totals
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import snapshots as render


@click.command()
@click.argument("reference", metavar="REF", shell_complete=candidates.own_snapshots)
@click.option("--code", is_flag=True, help="Restore the code.")
@click.option("--state", is_flag=True, help="Restore the state, and make it the active one.")
@click.option("--settings", is_flag=True, help="Restore settings.yaml and packages.lock.")
@click.option("--force", is_flag=True, help="Also overwrite what is neither committed nor saved.")
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, reference: str, *, code: bool, state: bool, settings: bool, force: bool,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Restore the working copy from a snapshot. Restores code, state and settings, or only those that
    options name.

    Like git restore --source, this changes files only: the branch, the index and saved states stay as they
    are. The snapshot's weights are written to the state that it was taken with, and this state becomes the
    active one; other states do not change. The saved version of the state changes only with gitstore state
    save. A snapshot taken right after this has the same content as REF.

    Without --force, no file is overwritten or deleted that is not also in the branch head, a snapshot or a
    saved state. Ignored files in the code directory stay.

    \b
    Examples:
      gitstore restore v1
      gitstore restore v1 --state
      gitstore restore v1 --code --settings --force
    """
    from gitstore.models import reference as references
    from gitstore.models.model import Model
    from gitstore.snapshots.restore import Component, restore

    model = Model.open(ctx.obj)
    snapshot = references.resolve(reference, ctx.obj)
    chosen = {Component.CODE: code, Component.STATE: state, Component.SETTINGS: settings}
    components = [component for component, is_chosen in chosen.items() if is_chosen] or list(Component)
    total = totals.replaced(model, snapshot) if Component.STATE in components else None
    with byte_progress(f"restore {reference}", total, show=show_progress) as progress:
        restored = restore(model, snapshot, components=components, force=force, progress=progress)
    if as_json:
        output.print_json(render.restored_json(restored, snapshot))
        return
    with_settings = Component.SETTINGS in components
    render.show_restored(restored, snapshot, model=model, written_as=reference, with_settings=with_settings)
