"""`gitstore store hook`, which git runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options

if TYPE_CHECKING:
    from gitstore.ledger.values import QuotaNotice


@click.command()
@click.argument("name", type=click.Choice(["pre-receive", "post-receive"]))
@options.store_option
@click.option("--process", "pid", type=int, required=True, help="The process id of git receive-pack.")
@click.pass_context
def command(ctx: click.Context, name: str, *, root: Path | None, pid: int) -> None:
    """Run a hook of a store's repository: git receive-pack runs it in the repository that is pushed to.

    \b
    Examples:
      gitstore store hook pre-receive --store /srv/models --process 4711
    """
    from gitstore.disk.processes import identify
    from gitstore.store.receive.asked import parse_changes

    store = options.open_store(ctx, root)
    model = store.model_at(ctx.obj)
    changes = parse_changes(sys.stdin.buffer.read())
    process, now = identify(pid), options.read_clock()
    if name == "pre-receive":
        from gitstore.store.receive.pre_receive import IncomingPush, check_push

        path = os.environ.get("GIT_QUARANTINE_PATH")
        quarantine = Path(path) if path else None
        push = IncomingPush(changes, options.find_user(), quarantine, process, now)
        _show(check_push(store, model, push))
    else:
        from gitstore.store.receive.post_receive import record_push, tidy

        _show(record_push(store, model, changes, process=process, now=now))
        tidy(model)


def _show(warnings: Iterable[QuotaNotice]) -> None:
    for warning in warnings:
        output.print_message(f"warning: {warning.message}")
