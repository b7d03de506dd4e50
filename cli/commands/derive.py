"""`gitstore derive`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output


@click.command()
@click.argument("source", metavar="SNAPSHOT")
@click.argument("name")
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option(
    "--state",
    type=click.Choice(["copy", "none"]),
    default="copy",
    show_default=True,
    help="The new model's first state: the snapshot's, which adds no bytes, or none.",
)
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, source: str, name: str, directory: Path | None, state: str, *, as_json: bool
) -> None:
    """Make a model called NAME, based on a SNAPSHOT of this repository: linked to its code.

    The new model has a worktree of its own, in DIRECTORY or else beside this one. It takes over the
    settings, and has its own states and snapshots. Its code is the snapshot's, and read-only.

    \b
    Examples:
      gitstore derive v1 dogs
      gitstore derive v1 vehicles ../vehicles --state none
    """
    from gitstore import derive, reference
    from gitstore.errors import GitstoreError
    from gitstore.model import Model
    from gitstore.units import format_size

    base = reference.resolve(source, ctx.obj)
    here = Model.open(ctx.obj).repository
    if base.repository.common != here.common:
        raise GitstoreError(
            f"{source} is in another repository, and a worktree cannot leave its own",
            f"gitstore -C {base.repository.directory} derive {base.name} {name}",
        )
    target = Path(ctx.obj, directory) if directory is not None else derive.beside(here, name)
    made = derive.derive(base, name, target.resolve(), copy_state=state == "copy")
    added = made.pack.size if made.pack is not None else 0
    if as_json:
        output.data_json(
            {
                "name": name,
                "directory": str(made.model.directory),
                "base": {"model": base.model, "snapshot": base.name, "tag": str(base.oid)},
                "added_bytes": added,
            }
        )
        return
    output.message(
        f"Derived {name} from {base.model}@{base.name} in {made.model.directory}: added {format_size(added)}"
    )
