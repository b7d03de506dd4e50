"""How the usage of a repository is shown: a table of holders, of packs and of models, and totals."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gitstore.billing.money import format_money
from gitstore.cli import output
from gitstore.text import counted

if TYPE_CHECKING:
    from gitstore.run.cache.cache import CacheUse
    from gitstore.storage.cost import UsageCost
    from gitstore.storage.usage import Usage


def to_json(
    usage: Usage, cached: CacheUse, environments: int, *, cost: UsageCost | None = None
) -> dict[str, Any]:
    """All sizes of a repository, and those of the cache and the environments, in bytes."""
    totals = {"live": usage.live, "dead": usage.dead, "disk": usage.disk, "linked": usage.linked}
    shown = asdict(usage) | {"totals": totals, "cache": cached._asdict() | {"environments": environments}}
    if cost is not None:
        shown["price"] = cost.price.text
        totals["cost"] = cost.total
        for holder, charged, saved in zip(shown["holders"], cost.charged, cost.saved, strict=True):
            holder |= {"cost": charged, "saves": saved}
        for model, charged in zip(shown["models"], cost.models, strict=True):
            model["cost"] = charged
    return shown


def show(
    usage: Usage,
    cached: CacheUse,
    environments: int,
    *,
    with_packs: bool,
    cost: UsageCost | None = None,
) -> None:
    """The same for a person; a table of packs only `with_packs`."""
    _show_holders(usage, cost)
    output.print_data("")
    if with_packs:
        _show_packs(usage)
        output.print_data("")
    _show_models(usage, cost)
    output.print_data("")
    _show_totals(usage, cached, environments)


def _show_holders(usage: Usage, cost: UsageCost | None) -> None:
    header = ["HOLDER", "NAME", "LOGICAL", "EXCLUSIVE", "SHARED", "CHARGED"]
    rows = [
        [
            holder.kind,
            holder.name,
            *map(_bytes, (holder.logical, holder.exclusive, holder.shared, holder.charged)),
        ]
        for holder in usage.holders
    ]
    total = ["total", "", "", "", "", _bytes(sum(holder.charged for holder in usage.holders))]
    if cost is not None:
        header += ["COST", "SAVES"]
        for row, amounts in zip(rows, zip(cost.charged, cost.saved, strict=True), strict=True):
            row += map(format_money, amounts)
        total += [format_money(cost.total), ""]
    output.print_table(header, [*rows, total], right=range(2, len(header)))


def _show_models(usage: Usage, cost: UsageCost | None) -> None:
    from gitstore.storage.usage import ROOT

    names = {ROOT: "(root model)", None: "(no model)"}
    header = ["MODEL", "EXCLUSIVE", "CHARGED"]
    rows = [
        [names.get(model.name) or str(model.name), _bytes(model.exclusive), _bytes(model.charged)]
        for model in usage.models
    ]
    if cost is not None:
        header.append("COST")
        for row, amount in zip(rows, cost.models, strict=True):
            row.append(format_money(amount))
    output.print_table(header, rows, right=range(1, len(header)))


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
    if usage.absent:
        absent = counted(usage.absent, "object is", "objects are")
        output.print_data(f"{absent} not here, and of unknown size")


def _bytes(size: int) -> str:
    return f"{size:,}"
