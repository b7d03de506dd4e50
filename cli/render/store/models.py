"""How the models of a store are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.ledger.values import Holding
    from gitstore.store.config.schema import QuotaConfig
    from gitstore.store.listing import DescribedModel, StoredModel
    from gitstore.store.store import StoreModel


def show_created(model: StoreModel, *, as_json: bool) -> None:
    """A model that was created."""
    if as_json:
        output.print_json({"model": model.full_name, "directory": str(model.directory)})
    else:
        output.print_message(f"Created {model.full_name}")


def to_json(stored: StoredModel) -> dict[str, Any]:
    """The shape of a model in a list."""
    return {
        "model": stored.model.full_name,
        "owner": stored.model.owner,
        "name": stored.model.name,
        "role": stored.role.word,
        "public": stored.is_public,
        "snapshots": stored.snapshots,
        "size": stored.size,
    }


def show_list(models: Sequence[StoredModel]) -> None:
    """A table of models."""
    from gitstore.units import format_size

    output.print_table(
        ["MODEL", "SNAPSHOTS", "SIZE", "ROLE", "PUBLIC"],
        [
            [
                stored.model.full_name,
                f"{stored.snapshots:,}",
                format_size(stored.size),
                stored.role.word,
                "yes" if stored.is_public else "no",
            ]
            for stored in models
        ],
        right=[1, 2],
    )


def show_model(described: DescribedModel, *, as_json: bool) -> None:
    """A model in full."""
    if as_json:
        output.print_json(_describe(described))
        return
    from gitstore.units import format_size

    stored = described.stored
    people = ", ".join(f"{name} ({role.word})" for name, role in described.members.items())
    lines = [
        ("model", stored.model.full_name),
        ("public", "yes" if stored.is_public else "no"),
        ("members", people or "none"),
        ("quota", _format_quota(described.quota)),
        ("owner's quota", _format_quota(described.owner_quota)),
        ("size", format_size(stored.size)),
    ]
    output.print_data("\n".join(f"{key + ':':<15}{value}" for key, value in lines))
    if stored.holdings:
        output.print_data("")
        rows = [
            [holding.ref, f"{holding.objects:,}", format_size(holding.bytes)] for holding in stored.holdings
        ]
        output.print_table(["REF", "OBJECTS", "SIZE"], rows, right=[1, 2])


def _format_quota(quota: QuotaConfig) -> str:
    from gitstore.units import format_size

    limits = {"hard": quota.hard, "soft": quota.soft}
    return (
        ", ".join(f"{name} {format_size(size)}" for name, size in limits.items() if size is not None)
        or "none"
    )


def _describe(described: DescribedModel) -> dict[str, Any]:
    return {
        **to_json(described.stored),
        "members": {name: role.word for name, role in described.members.items()},
        "quota": _quota_json(described.quota),
        "owner_quota": _quota_json(described.owner_quota),
        "refs": [_holding_json(holding) for holding in described.stored.holdings],
    }


def _quota_json(quota: QuotaConfig) -> dict[str, int | None]:
    return {"hard": quota.hard, "soft": quota.soft}


def _holding_json(holding: Holding) -> dict[str, Any]:
    return {
        "ref": holding.ref,
        "target": str(holding.target),
        "objects": holding.objects,
        "size": holding.bytes,
    }
