"""`gitstore usage`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.run.cache import CacheUse
    from gitstore.storage.usage import Usage


@click.command()
@click.option("--packs", is_flag=True, help="Show what the bytes of each pack are for.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, packs: bool, as_json: bool) -> None:
    """Show how many bytes are stored, and what they are stored for.

    \b
    LOGICAL    the size of its files on disk
    EXCLUSIVE  stored for this holder alone: what removing it frees
    SHARED     stored for this holder and others
    CHARGED    EXCLUSIVE plus an equal part of SHARED; all charges add up to the total

    The sums per model show what removing the whole model would free, and what it is charged.

    The cache is for all repositories of the user, and is not charged to a model. gitstore gc --cache
    empties it.

    \b
    Examples:
      gitstore usage
      gitstore usage --packs
      gitstore usage --json
    """
    from gitstore.models.model import Model
    from gitstore.run.cache import find_user_cache
    from gitstore.storage import usage

    repository = Model.identify(ctx.obj).repository
    found, cached = usage.measure(repository), find_user_cache(ctx.obj).use(repository)
    if as_json:
        totals = {"live": found.live, "dead": found.dead, "disk": found.disk, "linked": found.linked}
        output.data_json(asdict(found) | {"totals": totals, "cache": cached._asdict()})
        return
    _holders(found)
    output.data("")
    if packs:
        _packs(found)
        output.data("")
    _models(found)
    output.data("")
    _totals(found, cached)


def _holders(found: Usage) -> None:
    rows = [
        [each.kind, each.name, *map(_bytes, (each.logical, each.exclusive, each.shared, each.charged))]
        for each in found.holders
    ]
    total = sum(each.charged for each in found.holders)
    output.table(
        ["HOLDER", "NAME", "LOGICAL", "EXCLUSIVE", "SHARED", "CHARGED"],
        [*rows, ["total", "", "", "", "", _bytes(total)]],
        right=[2, 3, 4, 5],
    )


def _models(found: Usage) -> None:
    from gitstore.storage.usage import ROOT

    names = {ROOT: "(root model)", None: "(no model)"}
    output.table(
        ["MODEL", "EXCLUSIVE", "CHARGED"],
        [
            [names.get(each.name) or str(each.name), _bytes(each.exclusive), _bytes(each.charged)]
            for each in found.models
        ],
        right=[1, 2],
    )


def _packs(found: Usage) -> None:
    output.table(
        ["PACK", "SIZE", "LIVE", "DEAD", "DUPLICATE", "OVERHEAD", "LINKED"],
        [
            [
                each.name,
                *map(_bytes, (each.size, each.live, each.dead, each.duplicate, each.overhead)),
                "yes" if each.is_linked else "",
            ]
            for each in found.packs
        ],
        right=[1, 2, 3, 4, 5],
    )


def _totals(found: Usage, cached: CacheUse) -> None:
    overhead = sum(pack.overhead for pack in found.packs)
    lines = {
        "live objects": found.live,
        "dead and duplicate objects": found.dead,
        "headers and checksums of packs": overhead,
        "indexes beside the packs": found.index,
        "on disk": found.disk,
    }
    if found.linked:
        lines["of that, in packs shared with another repository"] = found.linked
    lines["in the cache, of this repository"] = cached.repository
    lines["in the cache, of all repositories"] = cached.total
    width = max(map(len, lines))
    for label, value in lines.items():
        output.data(f"{label:<{width}}  {_bytes(value):>16}")


def _bytes(value: int) -> str:
    return f"{value:,}"
