"""How the lineage of models is shown: as a tree for a person, as a list in its order for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gitstore.cli import output, terminal
from gitstore.cli.render import snapshots

if TYPE_CHECKING:
    from gitstore.models.lineage import Lineage, LineageModel, LineageSnapshot
    from gitstore.packs.oid import Oid
    from gitstore.storage.sizes import Sizes


def line_json(
    line: LineageModel, lineage: Lineage, sizes: Sizes, *, aliases: Mapping[Oid, Sequence[str]]
) -> dict[str, Any]:
    """A model with its snapshots, each with the names of the models that are based on it."""
    base = line.model.base
    return {
        "model": line.model.name,
        "base": base.to_json() if base is not None else None,
        "base_name": lineage.find_name(base) if base is not None else None,
        "detached": _is_detached(line),
        "snapshots": [_place_json(place, line, sizes, aliases=aliases) for place in line.snapshots],
    }


def _place_json(
    place: LineageSnapshot, line: LineageModel, sizes: Sizes, *, aliases: Mapping[Oid, Sequence[str]]
) -> dict[str, Any]:
    """A snapshot in the tree. Of one that was removed, all but the names is null."""
    from gitstore.cli.render.shapes.snapshots import SHAPES

    snapshot = place.snapshot
    if snapshot is None:
        names = {"name": place.name, "model": line.model.name}
        shape = dict.fromkeys(key.name for key in SHAPES["snapshot"].keys) | names
    else:
        size = sizes.measure_snapshot(snapshot)
        shape = snapshots.to_json(snapshot, size, aliases=aliases.get(snapshot.tag_oid, ()))
    models = [derived.model.name for derived in place.models]
    return shape | {"removed": snapshot is None, "models": models}


class _Branch(NamedTuple):
    """A model, or a snapshot in it, that has to be drawn. `head` begins its line, `indent` those below it."""

    line: LineageModel
    place: LineageSnapshot | None
    head: str
    indent: str


def draw_tree(lineage: Lineage, sizes: Sizes, *, aliases: Mapping[Oid, Sequence[str]]) -> Iterator[str]:
    """The lines of the tree. The stack is our own: a chain of models can be longer than Python's is deep."""
    waiting = [_Branch(line, None, "", "") for line in reversed(lineage.roots)]
    while waiting:
        line, place, head, indent = waiting.pop()
        below: list[tuple[LineageModel, LineageSnapshot | None]]
        if place is None:
            yield head + _model_line(line, lineage, at_the_top=not head)
            below = [(line, place) for place in line.snapshots]
        else:
            yield head + _snapshot_line(line, place, sizes, aliases=aliases)
            below = [(derived, None) for derived in place.models]
        for number, entry in enumerate(reversed(below)):
            corner, side = ("├─ ", "│  ") if number else ("└─ ", "   ")
            waiting.append(_Branch(*entry, indent + corner, indent + side))


def _model_line(line: LineageModel, lineage: Lineage, *, at_the_top: bool) -> str:
    base = line.model.base
    name = terminal.styled(line.model.name, "bold")
    detached = " (detached)" if _is_detached(line) else ""
    on = f" on {lineage.describe_base(base)}" if at_the_top and base is not None else ""
    return f"{name}{detached}{on}{'' if line.snapshots else '  no snapshots'}"


def _snapshot_line(
    line: LineageModel, place: LineageSnapshot, sizes: Sizes, *, aliases: Mapping[Oid, Sequence[str]]
) -> str:
    snapshot = place.snapshot
    if snapshot is None:
        return f"{place.name} (removed)"
    date = f"  {output.format_minute(snapshot.tag.date)}" if snapshot.tag.date else ""
    base, recorded = line.model.base, snapshots.recorded_base(snapshot)
    other = f"  on {recorded}" if recorded != (base.full_name if base is not None else None) else ""
    size = output.format_size_if_known(sizes.measure_snapshot(snapshot))
    name = snapshots.with_aliases(terminal.styled(place.name, "yellow"), aliases.get(snapshot.tag_oid, ()))
    return f"{name}{date}  {size}{other}"


def _is_detached(line: LineageModel) -> bool:
    return line.model.base is not None and bool(line.model.base.detached)
