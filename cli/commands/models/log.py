"""`gitstore log`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gitstore.cli import output, pager, terminal

if TYPE_CHECKING:
    from gitstore.models.lineage import Line, Lineage, Place
    from gitstore.models.snapshot import Snapshot
    from gitstore.storage.sizes import Sizes


@click.command()
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Show what is based on what: the repository's models and snapshots as a tree.

    Below a model are its snapshots, oldest first, with their date and the bytes of their files. Below
    a snapshot are the models that are based on it. A snapshot that a model took while it was based on
    another one says so. --json prints the models in the order of the tree, each snapshot with the names of
    the models based on it.

    \b
    Examples:
      gitstore log
      gitstore log --json
    """
    from gitstore.models import catalog
    from gitstore.models.lineage import Lineage
    from gitstore.models.model import Model
    from gitstore.storage.sizes import Sizes

    here = Model.identify(ctx.obj)
    for problem in here.invalid:
        output.message(f"warning: {problem}")
    found = catalog.every(here)
    lineage, sizes = Lineage(found.models), Sizes(here.repository.objects)
    if as_json:
        output.data_json([_row(each, lineage, sizes) for each in lineage.lines()])
    else:
        pager.prepare(ctx.obj)
        with pager.paged(ctx.obj):
            output.data("\n".join(_tree(lineage, sizes)))
    if found.unreadable is not None:
        raise found.unreadable


def _row(line: Line, lineage: Lineage, sizes: Sizes) -> dict[str, Any]:
    base = line.model.base
    return {
        "model": line.model.name,
        "base": lineage.describe(base) if base is not None else None,
        "based_on": _based_on(line),
        "detached": _is_detached(line),
        "snapshots": [_place(each, sizes) for each in line.places],
    }


def _place(place: Place, sizes: Sizes) -> dict[str, Any]:
    taken = place.snapshot
    return {
        "name": place.name,
        "removed": taken is None,
        "tag": str(taken.oid) if taken is not None else None,
        "date": taken.tag.date.isoformat() if taken is not None and taken.tag.date else None,
        "size": sizes.snapshot(taken) if taken is not None else None,
        "based_on": _was_based_on(taken) if taken is not None else None,
        "models": [each.model.name for each in place.models],
    }


class _Branch(NamedTuple):
    """A model, or a snapshot in it, that is to be drawn: what begins its line, and those below it."""

    line: Line
    place: Place | None
    head: str
    indent: str


def _tree(lineage: Lineage, sizes: Sizes) -> Iterator[str]:
    """The lines of the tree. The stack is our own: a chain of models can be longer than Python's is deep."""
    waiting = [_Branch(line, None, "", "") for line in reversed(lineage.roots)]
    while waiting:
        line, place, head, indent = waiting.pop()
        below: list[tuple[Line, Place | None]]
        if place is None:
            yield head + _model(line, lineage, at_the_top=not head)
            below = [(line, each) for each in line.places]
        else:
            yield head + _snapshot(line, place, sizes)
            below = [(each, None) for each in place.models]
        for number, each in enumerate(reversed(below)):
            corner, side = ("├─ ", "│  ") if number else ("└─ ", "   ")
            waiting.append(_Branch(*each, indent + corner, indent + side))


def _model(line: Line, lineage: Lineage, *, at_the_top: bool) -> str:
    base = line.model.base
    detached = " (detached)" if _is_detached(line) else ""
    on = f" on {lineage.describe(base)}" if at_the_top and base is not None else ""
    return (
        f"{terminal.styled(line.model.name, 'bold')}{detached}{on}{'' if line.places else '  no snapshots'}"
    )


def _snapshot(line: Line, place: Place, sizes: Sizes) -> str:
    from gitstore.units import format_size

    taken = place.snapshot
    if taken is None:
        return f"{place.name} (removed)"
    date = f"  {output.minute(taken.tag.date)}" if taken.tag.date else ""
    based_on = _was_based_on(taken)
    other = f"  on {based_on}" if based_on != _based_on(line) else ""
    return f"{terminal.styled(place.name, 'yellow')}{date}  {format_size(sizes.snapshot(taken))}{other}"


def _based_on(line: Line) -> str | None:
    """The base, as the model's settings call it."""
    base = line.model.base
    return f"{base.full_name}" if base is not None else None


def _was_based_on(taken: Snapshot) -> str | None:
    """The base that the model had when it took a snapshot."""
    return taken.tag.trailers.get("Based-On", "").partition(" ")[0] or None


def _is_detached(line: Line) -> bool:
    return line.model.base is not None and bool(line.model.base.detached)
