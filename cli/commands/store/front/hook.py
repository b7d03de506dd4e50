"""`gitstore store hook`, which git runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options


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
    from gitstore.store.receive import facts, post_receive
    from gitstore.store.receive.pre_receive import IncomingPush, check_push

    store = options.open_store(ctx, root)
    model = store.model_at(ctx.obj)
    changes = facts.parse_changes(sys.stdin.buffer.read())
    process, now = identify(pid), options.read_clock()
    if name == "pre-receive":
        path = os.environ.get("GIT_QUARANTINE_PATH")
        quarantine = Path(path) if path else None
        user = options.find_user()
        warnings = check_push(store, model, IncomingPush(changes, user, quarantine, process, now))
    else:
        warnings = post_receive.record_push(store, model, changes, process=process, now=now)
    for warning in warnings:
        output.print_message(f"warning: {warning.message}")
