"""Newer snapshots of a base behind a URL, by their names: only the list of refs there is asked for."""

from __future__ import annotations

import re
from pathlib import Path

from gitstore.models.base_url import resolve_base_url
from gitstore.models.model import Model
from gitstore.models.reference import find_base_prefix
from gitstore.names import name_problem
from gitstore.transfer.remotes import Remote, list_refs

_DIGITS = re.compile(r"(\d+)")


def find_newer_names(model: Model) -> list[str]:
    """Return the names of snapshots of a base's model that come after the base's, in their order.

    None for a model without a base behind a URL. Numbers in names are compared as numbers. Raises
    `GitstoreError` if the URL cannot be reached.
    """
    base = model.pinned_base
    url = resolve_base_url(model.repository, base) if base is not None else None
    if base is None or url is None or Path(url).is_dir():
        return []
    prefix = f"refs/tags/{find_base_prefix(model.repository, base) or ''}"
    tags = {
        ref.removeprefix(prefix): str(oid)
        for ref, oid in list_refs(model.repository, Remote.of_url(url)).refs.items()
        if ref.startswith(prefix) and name_problem(ref.removeprefix(prefix)) is None
    }
    current = next((name for name, oid in tags.items() if oid == base.tag), base.snapshot)
    return sorted((name for name in tags if _order(name) > _order(current)), key=_order)


def _order(name: str) -> list[tuple[int, str]]:
    """Return the sort key of a name: texts as they are, numbers by their value."""
    steps = _DIGITS.split(name)
    return [(int(step), "") if number % 2 else (-1, step) for number, step in enumerate(steps) if step]
