"""`gitstore store worker` and `gitstore store events`: automation in a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli.commands.automation import events
from gitstore.cli.commands.automation.working import run_worker

if TYPE_CHECKING:
    from gitstore.store.store import Store

FindStore = Callable[[Any], "Store"]
"""Finds the store that a command is about, from the object of its context."""


def add_commands(group: click.Group, find_store: FindStore) -> None:
    """Add `worker` and `events` to the group of a store's commands."""

    def find_place(context_object: Any) -> Any:
        from gitstore.automation.store_place import StorePlace

        return StorePlace(find_store(context_object))

    group.add_command(_make_worker(find_place), "worker")
    group.add_command(events.make_group(find_place, "gitstore store events"), "events")


def _make_worker(find_place: Callable[[Any], Any]) -> click.Command:
    @click.command()
    @click.option("--once", is_flag=True, help="Do what is due now, then end; for cron.")
    @click.pass_context
    def worker(ctx: click.Context, *, once: bool) -> None:
        """Do what the rules in store.yaml say for the events of all models, until it is interrupted.

        First compares all repositories with the ledger, and records what a killed process could not. What
        fails is tried again, later each time. Several workers may run at once.

        \b
        Examples:
          gitstore store worker
          gitstore store worker --once
        """
        run_worker(find_place(ctx.obj), once=once)

    return worker
