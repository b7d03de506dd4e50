"""`gitstore rebase`."""

from __future__ import annotations

import click

from gitstore.cli import output


@click.command()
@click.argument("source", metavar="SNAPSHOT")
@click.option(
    "--force",
    is_flag=True,
    help="Move it even if types no longer fit, or to another model's snapshot; give up commits to its code.",
)
@output.json_option
@click.pass_context
def command(ctx: click.Context, source: str, *, force: bool, as_json: bool) -> None:
    """Move a derived model to another SNAPSHOT of its base.

    One commit on the model's branch gives it the snapshot's code. Its settings, but for what they say of
    the base, its states and its own snapshots stay as they are. What the new base's code takes or gives
    otherwise than the model's settings promise is listed, and needs --force.

    If the command is interrupted, the same again finishes it.

    \b
    Examples:
      gitstore rebase digits@v2
      gitstore -C ../dogs rebase digits@v1 --force
    """
    from gitstore import rebase, reference
    from gitstore.model import Model

    model = Model.open(ctx.obj)
    done = rebase.rebase(model, reference.resolve(source, ctx.obj), force=force)
    base, before = done.base, f"{done.before.model}@{done.before.snapshot}"
    called = f"{base.model}@{base.name}"
    if as_json:
        output.data_json(
            {
                "name": model.name,
                "base": {"model": base.model, "snapshot": base.name, "tag": str(base.oid)},
                "before": before,
                "commit": str(done.commit) if done.commit is not None else None,
                "misfits": [each._asdict() for each in done.misfits],
                "other_packages": done.other_packages,
            }
        )
        return
    for misfit in done.misfits:
        output.message(f"warning: {misfit.path}: {called} {misfit.problem}")
    if done.other_packages:
        output.message(f"warning: packages: {called} asks for others; {model.name} keeps its own")
    if done.commit is None:
        output.message(f"{model.name} is based on {called} already")
    else:
        output.message(f"Rebased {model.name} from {before} on {called}")
