"""`gitstore store events`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli.commands.automation.events import make_group
from gitstore.cli.commands.store import options

if TYPE_CHECKING:
    from gitstore.automation.store_place import StorePlace


def find_place(ctx: click.Context, *, root: Path | None) -> StorePlace:
    """Return the store that is meant as a place."""
    from gitstore.automation.store_place import StorePlace

    return StorePlace(options.open_store(ctx, root))


@options.store_option
def _get_options() -> None:
    """Have the option --store, for each command of the group."""


command = make_group(find_place, "gitstore store events", *_get_options.__click_params__)  # type: ignore[attr-defined]
