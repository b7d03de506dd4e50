"""`gitstore store check`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options
from gitstore.cli.render.store import stores as render


@click.command()
@options.store_option
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, root: Path | None, as_json: bool) -> None:
    """Check how a store is set up: store.yaml, the hooks, permissions, and the git configuration of each
    repository. Also report what killed commands and pushes left. The exit code is 1 if there are problems.

    Objects are checked by gitstore store verify, and the ledger by gitstore store audit.

    \b
    Examples:
      gitstore store check
    """
    from gitstore.store.check import check_store

    report = check_store(options.open_store(ctx, root))
    render.show_check(report, as_json=as_json)
    if report.problems:
        ctx.exit(1)
