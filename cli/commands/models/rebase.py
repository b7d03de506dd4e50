"""`gitstore rebase`."""

from __future__ import annotations

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.progress import share_progress


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

    One commit on the model's branch gives it the snapshot's code. What has changed in the base's settings
    since the old base, packages above all, changes in the model's, too, and is listed. Keys that the model
    has changed itself stay, and are listed if the base changed them otherwise. packages.lock follows where
    the packages are the base's then. States and snapshots stay as they are, and so do the types: what
    the new base's code takes or gives otherwise than they promise is listed, and needs --force.

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
    from gitstore.derive import first_commit, rebase
    from gitstore.models import reference
    from gitstore.models.model import Model
    from gitstore.units import format_size

    model = Model.open(ctx.obj)
    new = reference.find_base(source, model, ctx.obj)
    with share_progress(f"fetch {source}", wanted=show_progress, at_once=False) as fetched:
        done = rebase.rebase(model, new, force=force, fetched=fetched)
    base, before, called = done.base, done.before.full_name, done.base.full_name
    if as_json:
        output.data_json(
            {
                "name": model.name,
                "base": first_commit.facts(base, done.url),
                "before": before,
                "commit": str(done.commit) if done.commit is not None else None,
                "misfits": [each._asdict() for each in done.misfits],
                "changes": [vars(each) for each in done.changes],
                "conflicts": [each._asdict() for each in done.conflicts],
                "other_packages": done.other_packages,
                "added_bytes": done.brought.copied,
                "linked_bytes": done.brought.linked,
            }
        )
        return
    for misfit in done.misfits:
        output.message(f"warning: {misfit.path}: {called} {misfit.problem}")
    for change in done.changes:
        output.message(f"settings: {change.path}: {_value(change.before)} -> {_value(change.after)}")
    for conflict in done.conflicts:
        output.message(
            f"warning: {conflict.path}: {called} has {_value(conflict.base)}, {model.name} keeps"
            f" {_value(conflict.own)}"
        )
    if done.other_packages:
        output.message(f"warning: packages: those of {model.name} differ from those of {called}")
    if done.commit is None:
        output.message(f"{model.name} is based on {called} already")
    else:
        kinds = {"added": done.brought.copied, "linked": done.brought.linked}
        brought = [f"{kind} {format_size(size)}" for kind, size in kinds.items() if size]
        tail = f": {', '.join(brought)}" if brought else ""
        output.message(f"Rebased {model.name} from {before} on {called}{tail}")


def _value(value: object) -> str:
    """A value of the settings on one line."""
    import json

    if value is None:
        return "(none)"
    return output.shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
