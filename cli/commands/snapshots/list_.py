"""`gitstore list`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import output, pager, terminal
from gitstore.errors import Corrupt

if TYPE_CHECKING:
    from gitstore.models.snapshot import Snapshot


@click.command("list")
@click.option("--all", "all_models", is_flag=True, help="Of every model in the repository.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, all_models: bool, as_json: bool) -> None:
    """List the model's snapshots, oldest first, with the bytes of their files.

    A warning names each snapshot whose tag says something else than its settings; verify tells all.

    \b
    Examples:
      gitstore list
      gitstore list --all --json
    """
    from gitstore.models import snapshot
    from gitstore.models.model import Model
    from gitstore.storage.sizes import Sizes

    model = Model.identify(ctx.obj)
    unreadable: Corrupt | None = None
    try:
        found: Sequence[Snapshot] = snapshot.every(model.repository) if all_models else snapshot.below(model)
    except snapshot.UnreadableSnapshots as error:
        unreadable, found = error, error.others
    for wrong in snapshot.contradicted(found):
        output.message(f"warning: {wrong.message}")
    sizes = Sizes(model.repository.objects)
    rows = [(each, sizes.snapshot(each)) for each in found]
    if as_json:
        output.data_json([_row(each, size) for each, size in rows])
    elif rows:
        pager.prepare(ctx.obj)
        with pager.paged(ctx.obj):
            _table(rows, full_names=all_models)
    elif unreadable is None:
        output.message(output.here("no snapshots yet; gitstore snapshot v1 takes one"))
    if unreadable is not None:
        raise unreadable


def _table(rows: Sequence[tuple[Snapshot, int]], *, full_names: bool) -> None:
    from gitstore.units import format_size

    output.table(
        ["SNAPSHOT", "DATE", "SIZE", "STATE", "MESSAGE"],
        [
            [
                terminal.styled(each.short_name if full_names else each.name, "yellow"),
                output.minute(each.tag.date) if each.tag.date else "",
                format_size(size),
                each.state_name,
                each.tag.message.partition("\n")[0],
            ]
            for each, size in rows
        ],
        right=[2],
    )


def _row(each: Snapshot, size: int) -> dict[str, Any]:
    return {
        "name": each.name,
        "model": each.model,
        "ref": each.ref,
        "tag": str(each.oid),
        "date": each.tag.date.isoformat() if each.tag.date else None,
        "state": each.state_name,
        "signed": each.tag.signed,
        "size": size,
        "message": each.tag.message,
    }
