"""`gitstore export`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import snapshots as render


@click.command()
@click.argument("reference", metavar="REF", shell_complete=candidates.snapshots)
@click.argument("directory", type=click.Path(path_type=Path))
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, reference: str, directory: Path, *, show_progress: bool | None, as_json: bool
) -> None:
    """Write a snapshot's files into DIRECTORY. It must be new or empty, and gets code/, state/ and
    settings.yaml.

    Large files are joined from their parts, and every object is checked.

    \b
    Examples:
      gitstore export v1 /srv/model
      gitstore export dogs@v1 out
    """
    from gitstore.models import reference as references
    from gitstore.snapshots import export

    snapshot, target = references.resolve(reference, ctx.obj), Path(ctx.obj, directory)
    with byte_progress(f"export {reference}", export.measure_files(snapshot), show=show_progress) as progress:
        size = export.export(snapshot, target, progress=progress)
    render.show_exported(snapshot, target, size=size, written_as=reference, as_json=as_json)
