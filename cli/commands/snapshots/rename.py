"""`gitstore rename`."""

from __future__ import annotations

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.render import snapshots as render


@click.command()
@click.argument("old", shell_complete=candidates.own_snapshots)
@click.argument("new")
@click.option("--force", is_flag=True, help="Rename a signed snapshot even if it loses its signature.")
@options.signing_options
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, old: str, new: str, *, force: bool, sign: bool | None, key: str | None, as_json: bool
) -> None:
    """Rename the snapshot OLD to NEW.

    Its content, date and message do not change. The new tag records the old name and the old tag. Models
    based on the snapshot stay valid, because they refer to its commit. A signature covers the old name, so
    a signed snapshot must be signed again.

    \b
    Examples:
      gitstore rename v1 baseline
      gitstore rename dogs@v2 first-good-one
      gitstore rename v3 released --sign
    """
    from gitstore.git.sign_tag import Signer
    from gitstore.models import reference
    from gitstore.snapshots import rename

    snapshot = reference.resolve(old, ctx.obj)
    renamed = rename.rename(snapshot, new, force=force, signer=Signer(sign, key))
    render.show_renamed(renamed, snapshot, as_json=as_json)
