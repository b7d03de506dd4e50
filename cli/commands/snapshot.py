"""`gitstore snapshot`."""

from __future__ import annotations

import click

from gitstore.cli import options, output


@click.command()
@click.argument("name")
@click.option("-m", "--message", metavar="TEXT", help="What the snapshot is; several lines are fine.")
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, name: str, message: str | None, *, show_progress: bool | None, as_json: bool
) -> None:
    """Take a snapshot of the model: its code, its active state and its settings, as they are on disk.

    It is an annotated tag that never changes. Neither the branch nor the index nor any file is touched.

    \b
    Examples:
      gitstore snapshot v1 -m "First that works"
      gitstore snapshot v2 --json
    """
    from gitstore import capture
    from gitstore.model import Model
    from gitstore.units import format_size

    model = Model.open(ctx.obj)
    with options.byte_progress(f"snapshot {name}", None, wanted=show_progress) as progress:
        taken = capture.take(model, name, message=message, progress=progress)
    added = taken.pack.size if taken.pack is not None else 0
    if as_json:
        output.data_json(
            {
                "name": name,
                "ref": taken.snapshot.ref,
                "tag": str(taken.snapshot.oid),
                "commit": str(taken.snapshot.commit),
                "state": taken.state,
                "added_bytes": added,
                "added_objects": taken.pack.objects if taken.pack is not None else 0,
            }
        )
        return
    output.message(
        f"Took snapshot {name} of {model.name} with state {taken.state}: added {format_size(added)}"
    )
