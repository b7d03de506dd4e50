"""`gitstore store worker`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli.commands.automation.working import run_worker
from gitstore.cli.commands.store import options


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, then end; for cron.")
@options.store_option
@click.pass_context
def command(ctx: click.Context, *, once: bool, root: Path | None) -> None:
    """Do what the rules in store.yaml say for the events of all models, until it is interrupted.

    First compares all repositories with the ledger, and records what a killed process could not. What fails
    is tried again, later each time. Several workers may run at once. docs/automation.md explains the rules.

    \b
    Examples:
      gitstore store worker --store /srv/models
      gitstore store worker --once
    """
    from gitstore.automation.store_place import StorePlace

    run_worker(StorePlace(options.open_store(ctx, root)), once=once)
