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

    This adds one commit to the model's branch, with the snapshot's code. Settings that changed between the
    old and the new base, such as packages, change in the model as well, and are listed. Settings that the
    model itself changed are kept, and are listed if the base also changed them. If the model then has the
    packages of the base, it also gets its packages.lock. States, snapshots and types do not change. If the
    new base's code has other inputs or outputs than types says, they are listed, and --force is needed.

    If the base is in another repository, SNAPSHOT is fetched from there. If that repository has moved, use
    PATH@SNAPSHOT or URL@SNAPSHOT.

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
    base = reference.resolve_base(source, model, ctx.obj)
    with share_progress(f"fetch {source}", show=show_progress, at_once=False) as fetched:
        rebased = rebase.rebase(model, base, force=force, fetched=fetched)
    if as_json:
        output.print_json(render.rebased_json(rebased, model))
    else:
        render.show_rebased(rebased, model)
