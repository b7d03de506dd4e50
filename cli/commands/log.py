"""`gitstore log`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.lineage import Line, Lineage, Place
    from gitstore.models import Sizes


@click.command()
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Show what is based on what: the repository's models and snapshots as a tree.

    Below a model are its snapshots, oldest first, with their date and the bytes of their files. Below
    a snapshot are the models that are based on it. A snapshot that a model took while it was based on
    another one says so.

    \b
    Examples:
      gitstore log
      gitstore log --json
    """
    from gitstore import models
    from gitstore.lineage import Lineage
    from gitstore.model import Model

    here = Model.open(ctx.obj)
    found = models.every(here)
    lineage, sizes = Lineage(found.models), models.Sizes(here.repository)
    roots = [_line(each, lineage, sizes) for each in lineage.roots]
    if as_json:
        output.data_json(roots)
    else:
        _draw(roots)
    if found.unreadable is not None:
        raise found.unreadable


def _line(line: Line, lineage: Lineage, sizes: Sizes) -> dict[str, Any]:
    base = line.model.base
    return {
        "model": line.model.name,
        "base": lineage.called(base) if base is not None else None,
        "based_on": f"{base.model}@{base.snapshot}" if base is not None else None,
        "detached": bool(base is not None and base.detached),
        "snapshots": [_place(each, lineage, sizes) for each in line.places],
    }


def _place(place: Place, lineage: Lineage, sizes: Sizes) -> dict[str, Any]:
    taken = place.snapshot
    return {
        "name": place.name,
        "removed": taken is None,
        "tag": str(taken.oid) if taken is not None else None,
        "date": taken.tag.date.isoformat() if taken is not None and taken.tag.date else None,
        "size": sizes.snapshot(taken) if taken is not None else None,
        "based_on": taken.tag.trailers.get("Based-On", "").partition(" ")[0] or None if taken else None,
        "models": [_line(each, lineage, sizes) for each in place.models],
    }


def _draw(roots: list[dict[str, Any]]) -> None:
    lines = [line for root in roots for line in _model(root, "", "", at_the_top=True)]
    output.data("\n".join(lines))


def _model(row: dict[str, Any], head: str, indent: str, *, at_the_top: bool = False) -> Iterator[str]:
    """The lines of a model: the first begins with `head`, the others with `indent`."""
    detached = " (detached)" if row["detached"] else ""
    base = f" on {row['base']}" if at_the_top and row["base"] else ""
    empty = "" if row["snapshots"] else "  no snapshots"
    yield f"{head}{row['model']}{detached}{base}{empty}"
    for each, below, last in _branches(row["snapshots"], indent):
        yield f"{below}{_snapshot(each, row)}"
        for model, head_below, last_below in _branches(each["models"], indent + _step(last=last)):
            yield from _model(model, head_below, indent + _step(last=last) + _step(last=last_below))


def _branches(rows: list[dict[str, Any]], indent: str) -> Iterator[tuple[dict[str, Any], str, bool]]:
    """Each row with the start of its line, and whether it is the last."""
    for number, row in enumerate(rows, start=1):
        last = number == len(rows)
        yield row, indent + ("└─ " if last else "├─ "), last


def _step(*, last: bool) -> str:
    return "   " if last else "│  "


def _snapshot(row: dict[str, Any], model: dict[str, Any]) -> str:
    from datetime import datetime

    from gitstore.units import format_size

    if row["removed"]:
        return f"{row['name']} (removed)"
    date = f"  {datetime.fromisoformat(row['date']):%Y-%m-%d %H:%M}" if row["date"] else ""
    other = f"  on {row['based_on']}" if row["based_on"] != model["based_on"] else ""
    return f"{row['name']}{date}  {format_size(row['size'])}{other}"
