"""`gitstore show`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import output, pager, terminal
from gitstore.cli.completion import candidates

if TYPE_CHECKING:
    from gitstore.bigfiles.stored import StoredFile
    from gitstore.models.snapshot import Snapshot
    from gitstore.settings import BasedOn


@click.command()
@click.argument("reference", metavar="REF", shell_complete=candidates.snapshots)
@output.json_option
@click.pass_context
def command(ctx: click.Context, reference: str, *, as_json: bool) -> None:
    """Show a snapshot in full: what it is, its files with their sizes, its settings.

    \b
    Examples:
      gitstore show v1
      gitstore show dogs@v1 --json
    """
    from gitstore import settings
    from gitstore.models import reference as references
    from gitstore.snapshots import export

    found = references.resolve(reference, ctx.obj)
    files = [(file, file.size(found.repository.objects)) for file in export.files(found)]
    if as_json:
        listed = [_file(file, size) for file, size in files]
        output.data_json(_head(found) | {"files": listed, "settings": settings.to_builtins(found.settings)})
        return
    pager.prepare(ctx.obj)
    with pager.paged(ctx.obj):
        _show(found, files)


def _show(found: Snapshot, files: Sequence[tuple[StoredFile, int]]) -> None:
    from gitstore.units import format_size

    for key, value in _head(found).items():
        if value is not None and key != "message":
            shown = terminal.styled(str(value), "yellow") if key == "snapshot" else value
            output.data(f"{key.replace('_', ' ') + ':':<10} {shown}")
    output.data("")
    for line in found.tag.message.splitlines():
        output.data(f"    {line}".rstrip())
    output.data("")
    output.table(
        ["FILE", "SIZE", "PARTS"],
        [[output.shown(str(file.path)), format_size(size), str(len(file.blobs))] for file, size in files],
        right=[1, 2],
    )
    output.data("")
    output.data(found.settings_content.decode().rstrip("\n"))


def _head(found: Snapshot) -> dict[str, Any]:
    base = found.settings.based_on
    return {
        "snapshot": found.name,
        "model": found.model,
        "ref": found.ref,
        "tag": str(found.oid),
        "commit": str(found.commit),
        "tagger": found.tag.tagger,
        "date": found.tag.date.isoformat() if found.tag.date else None,
        "signed": found.tag.signed,
        "state": found.state_name,
        "based_on": _called(base) if base is not None else None,
        "message": found.tag.message,
    }


def _called(base: BasedOn) -> str:
    where = f" in {base.url}" if base.url is not None else ""
    return f"{base.full_name}{where}"


def _file(file: StoredFile, size: int) -> dict[str, Any]:
    return {"path": str(file.path), "size": size, "parts": len(file.blobs), "oid": str(file.entry)}
