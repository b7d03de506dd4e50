"""`gitstore models`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.lineage import Lineage
    from gitstore.models import Listed
    from gitstore.sizes import Sizes


@click.command()
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the models of the repository: the root model first, then the derived ones.

    SIZE is that of the files of all its snapshots together, STATE the active one and STATE SIZE that of
    its files as they are saved.

    \b
    Examples:
      gitstore models
      gitstore models --json
    """
    from gitstore import models
    from gitstore.lineage import Lineage
    from gitstore.model import Model
    from gitstore.sizes import Sizes

    here = Model.open(ctx.obj)
    found = models.every(here)
    lineage, sizes = Lineage(found.models), Sizes(here.repository.objects)
    rows = [_row(each, lineage, sizes) for each in found.models]
    if as_json:
        output.data_json(rows)
    else:
        _table(rows)
    if found.unreadable is not None:
        raise found.unreadable


def _row(each: Listed, lineage: Lineage, sizes: Sizes) -> dict[str, Any]:
    tree = each.state_tree
    return {
        "name": each.name,
        "derived": bool(each.prefix),
        "base": lineage.called(each.base) if each.base is not None else None,
        "detached": bool(each.base is not None and each.base.detached),
        "snapshots": len(each.snapshots),
        "size": sum(map(sizes.snapshot, each.snapshots)),
        "state": each.state,
        "state_size": sizes.tree(tree) if tree is not None else None,
        "directory": str(each.directory) if each.directory is not None else None,
    }


def _table(rows: list[dict[str, Any]]) -> None:
    from gitstore.units import format_size

    output.table(
        ["MODEL", "BASE", "SNAPSHOTS", "SIZE", "STATE", "STATE SIZE", "DIRECTORY"],
        [
            [
                row["name"],
                (row["base"] or "") + (" (detached)" if row["detached"] else ""),
                str(row["snapshots"]),
                format_size(row["size"]),
                row["state"],
                format_size(row["state_size"]) if row["state_size"] is not None else "",
                row["directory"] or "",
            ]
            for row in rows
        ],
        right=[2, 3, 5],
    )
