"""How the usage of a repository is shown: a table of holders, of packs and of models, and totals."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.run.cache.cache import CacheUse
    from gitstore.storage.usage import Usage


def to_json(usage: Usage, cached: CacheUse, environments: int) -> dict[str, Any]:
    """All sizes of a repository, and those of the cache and the environments, in bytes."""
    totals = {"live": usage.live, "dead": usage.dead, "disk": usage.disk, "linked": usage.linked}
    return asdict(usage) | {"totals": totals, "cache": cached._asdict() | {"environments": environments}}


def show(usage: Usage, cached: CacheUse, environments: int, *, with_packs: bool) -> None:
    """The same for a person; a table of packs only `with_packs`."""
    _show_holders(usage)
    output.print_data("")
    if with_packs:
        _show_packs(usage)
        output.print_data("")
    _show_models(usage)
    output.print_data("")
    _show_totals(usage, cached, environments)


def _show_holders(usage: Usage) -> None:
    rows = [
        [
            holder.kind,
            holder.name,
            *map(_bytes, (holder.logical, holder.exclusive, holder.shared, holder.charged)),
        ]
        for holder in usage.holders
    ]
    total = sum(holder.charged for holder in usage.holders)
    output.print_table(
        ["HOLDER", "NAME", "LOGICAL", "EXCLUSIVE", "SHARED", "CHARGED"],
        [*rows, ["total", "", "", "", "", _bytes(total)]],
        right=[2, 3, 4, 5],
    )


def _show_models(usage: Usage) -> None:
    from gitstore.storage.usage import ROOT

    names = {ROOT: "(root model)", None: "(no model)"}
    output.print_table(
        ["MODEL", "EXCLUSIVE", "CHARGED"],
        [
            [names.get(model.name) or str(model.name), _bytes(model.exclusive), _bytes(model.charged)]
            for model in usage.models
        ],
        right=[1, 2],
    )


def _show_packs(usage: Usage) -> None:
    output.print_table(
        ["PACK", "SIZE", "LIVE", "DEAD", "DUPLICATE", "OVERHEAD", "LINKED"],
        [
            [
                pack.name,
                *map(_bytes, (pack.size, pack.live, pack.dead, pack.duplicate, pack.overhead)),
                "yes" if pack.is_linked else "",
            ]
            for pack in usage.packs
        ],
        right=[1, 2, 3, 4, 5],
    )


def _show_totals(usage: Usage, cached: CacheUse, environments: int) -> None:
    lines = {
        "live objects": usage.live,
        "dead and duplicate objects": usage.dead,
        "headers and checksums of packs": sum(pack.overhead for pack in usage.packs),
        "indexes beside the packs": usage.index,
        "on disk": usage.disk,
    }
    if usage.linked:
        lines["of that, in packs shared with another repository"] = usage.linked
    lines["in the cache, of this repository"] = cached.repository
    lines["in the cache, of all repositories"] = cached.total
    lines["environments, of all repositories"] = environments
    width = max(map(len, lines))
    for label, size in lines.items():
        output.print_data(f"{label:<{width}}  {_bytes(size):>16}")


def _bytes(size: int) -> str:
    return f"{size:,}"
