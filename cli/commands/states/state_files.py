"""The commands of `gitstore state` that import, export, rename and remove states."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import options, output, totals
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import states as render


@click.command("import")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--name",
    metavar="NAME",
    help="The state to make; the active one by default.",
    shell_complete=candidates.states,
)
@click.option(
    "--force",
    is_flag=True,
    help="Replace an existing state, saved or not. Accept Git LFS pointers, and store them as they are.",
)
@click.option("--use", is_flag=True, help="Make the state the active one.")
@click.option("--save/--no-save", default=True, help="Save the state, or only put its files on disk.")
@options.progress_option
@output.json_option
@click.pass_context
def import_(
    ctx: click.Context, paths: tuple[Path, ...], name: str | None, *, force: bool, use: bool,
    save: bool, show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Import files and directories as a state: copy them to states/NAME, then save it.

    If PATH is a single directory, its files become the files of the state. Several paths keep their names.
    Links are followed. If the file system can share blocks, no bytes are copied.

    \b
    Examples:
      gitstore state import ~/downloads/weights.safetensors
      gitstore state import ../run-7/checkpoint --name run-7 --use
      gitstore state import weights.bin tokenizer.json --name chat --no-save
    """
    from gitstore.models.model import Model
    from gitstore.states import import_files

    model = Model.open(ctx.obj)
    name = name or model.active_state
    sources = [Path(ctx.obj, path) for path in paths]

    def total() -> int:  # copied, then saved
        return sum(map(totals.size_on_disk, sources)) * (2 if save else 1)

    with byte_progress(f"import {name}", total, show=show_progress) as progress:
        imported = import_files.import_files(
            model, name, sources, force=force, save=save, use=use, progress=progress
        )
    render.show_imported(imported, name, active=model.active_state, as_json=as_json)


@click.command("export")
@click.argument("name", shell_complete=candidates.states)
@click.argument("directory", type=click.Path(path_type=Path))
@options.progress_option
@output.json_option
@click.pass_context
def export_(
    ctx: click.Context, name: str, directory: Path, *, show_progress: bool | None, as_json: bool
) -> None:
    """Write the files of a saved state into DIRECTORY, which must be new or empty.

    Large files are joined from their parts, and every object is checked.

    \b
    Examples:
      gitstore state export trained-1 /srv/weights
      gitstore state export initial out --json
    """
    from gitstore.models.model import Model
    from gitstore.snapshots import export

    target = Path(ctx.obj, directory)
    model = Model.open(ctx.obj)
    total = totals.saved(model, name)
    with byte_progress(f"export {name}", total, show=show_progress) as progress:
        size = export.export_state(model, name, target, progress=progress)
    render.show_exported(name, target, size=size, as_json=as_json)


@click.command()
@click.argument("old", shell_complete=candidates.states)
@click.argument("new")
@output.json_option
@click.pass_context
def rename(ctx: click.Context, old: str, new: str, *, as_json: bool) -> None:
    """Rename the state OLD to NEW, both in the repository and on disk.

    If the state is active, it stays active. Snapshots still show the name that the state had then.

    \b
    Example:
      gitstore state rename trained-3 best
    """
    from gitstore.models.model import Model
    from gitstore.states import rename as state_renaming

    state_renaming.rename(Model.open(ctx.obj), old, new)
    render.show_renamed(new, old, as_json=as_json)


@click.command()
@click.argument("name", shell_complete=candidates.states)
@click.option("--force", is_flag=True, help="Delete it even if it has unsaved changes.")
@options.progress_option
@output.json_option
@click.pass_context
def drop(ctx: click.Context, name: str, *, force: bool, show_progress: bool | None, as_json: bool) -> None:
    """Delete a saved state's files on disk. The state is still saved; gitstore state path writes the
    files again.

    \b
    Example:
      gitstore state drop trained-1
    """
    from gitstore.models.model import Model
    from gitstore.states.drop import drop as drop_state

    model = Model.open(ctx.obj)
    with byte_progress(f"check {name}", totals.on_disk(model, name), show=show_progress) as progress:
        drop_state(model, name, force=force, progress=progress)
    render.show_dropped(name, as_json=as_json)


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=candidates.states)
@click.option("--force", is_flag=True, help="Remove the active state too, and files that are not saved.")
@options.progress_option
@output.json_option
@click.pass_context
def rm(
    ctx: click.Context, names: tuple[str, ...], *, force: bool, show_progress: bool | None, as_json: bool
) -> None:
    """Remove states, both from the repository and from disk, and show how much gitstore gc then frees.

    Snapshots keep their weights. If the active state is removed, `initial` becomes the active state.

    \b
    Examples:
      gitstore state rm trained-1 trained-2
      gitstore state rm spoilt --force
    """
    from gitstore.models.model import Model
    from gitstore.states import remove

    model = Model.open(ctx.obj)
    total, label = totals.on_disk(model, *names), f"check {', '.join(names)}"
    with byte_progress(label, total, show=show_progress) as progress:
        removed = remove.remove(model, names, force=force, progress=progress)
    render.show_removed(removed, as_json=as_json)


COMMANDS = (import_, export_, rename, drop, rm)
"""In the order of the help."""
