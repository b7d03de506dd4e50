"""`gitstore rebase`."""

from __future__ import annotations

import click

from gitstore.cli import candidates, options, output


@click.command()
@click.argument("source", metavar="SNAPSHOT", shell_complete=candidates.snapshots)
@click.option(
    "--force",
    is_flag=True,
    help="Move it even if types no longer fit, or to another model's snapshot; give up commits to its code.",
)
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, source: str, *, force: bool, show_progress: bool | None, as_json: bool
) -> None:
    """Move a derived model to another SNAPSHOT of its base.

    One commit on the model's branch gives it the snapshot's code. Its settings, but for what they say of
    the base, its states and its own snapshots stay as they are. What the new base's code takes or gives
    otherwise than the model's settings promise is listed, and needs --force.

    If the base is in another repository, SNAPSHOT is looked for there, and brought here. PATH@SNAPSHOT
    or URL@SNAPSHOT says where that repository is now.

    If the command is interrupted, the same again finishes it.

    \b
    Examples:
      gitstore rebase digits@v2
      gitstore -C ../dogs rebase digits@v1 --force
      gitstore rebase v2
      gitstore rebase ../moved/digits@v2
    """
    from gitstore import inheritance, kinship, rebase, reference
    from gitstore.model import Model
    from gitstore.units import format_size

    model = Model.open(ctx.obj)
    new = reference.find_base(source, model, ctx.obj)
    with options.share_progress(f"fetch {source}", wanted=show_progress, at_once=False) as fetched:
        done = rebase.rebase(model, new, force=force, fetched=fetched)
    base, before, called = done.base, done.before.called, kinship.called(done.base)
    if as_json:
        output.data_json(
            {
                "name": model.name,
                "base": inheritance.facts(base, done.url),
                "before": before,
                "commit": str(done.commit) if done.commit is not None else None,
                "misfits": [each._asdict() for each in done.misfits],
                "other_packages": done.other_packages,
                "added_bytes": done.brought.copied,
                "linked_bytes": done.brought.linked,
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
        kinds = {"added": done.brought.copied, "linked": done.brought.linked}
        brought = [f"{kind} {format_size(size)}" for kind, size in kinds.items() if size]
        tail = f": {', '.join(brought)}" if brought else ""
        output.message(f"Rebased {model.name} from {before} on {called}{tail}")
