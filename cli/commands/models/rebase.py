"""`gitstore rebase`."""

from __future__ import annotations

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.progress import share_progress
from gitstore.cli.render import derived as render


@click.command()
@click.argument("source", metavar="SNAPSHOT", shell_complete=candidates.snapshots)
@click.option(
    "--force",
    is_flag=True,
    help="Rebase even if types no longer match, the snapshot is of another model, or commits changed the code"
    " (they stay in the history).",
)
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, source: str, *, force: bool, show_progress: bool | None, as_json: bool
) -> None:
    """Move a derived model to another SNAPSHOT of its base.

    One commit on the model's branch gives it the snapshot's code. What has changed in the base's settings
    since the old base, packages above all, changes in the model's, too, and is listed. Keys that the model
    has changed itself stay, and are listed if the base changed them otherwise. packages.lock follows where
    the packages are the base's then. States and snapshots stay as they are, and so do the types: what
    the new base's code takes or gives otherwise than they promise is listed, and needs --force.

    If the base is in another repository, SNAPSHOT is looked for there, and brought here. PATH@SNAPSHOT
    or URL@SNAPSHOT says where that repository is now.

    If the command is interrupted, run it again to finish it.

    \b
    Examples:
      gitstore rebase digits@v2
      gitstore -C ../dogs rebase digits@v1 --force
      gitstore rebase v2
      gitstore rebase ../moved/digits@v2
    """
    from gitstore.derive import rebase
    from gitstore.models import reference
    from gitstore.models.model import Model

    model = Model.open(ctx.obj)
    base = reference.find_base(source, model, ctx.obj)
    with share_progress(f"fetch {source}", wanted=show_progress, at_once=False) as fetched:
        rebased = rebase.rebase(model, base, force=force, fetched=fetched)
    if as_json:
        output.data_json(render.rebased_json(rebased, model))
    else:
        render.show_rebased(rebased, model)
