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

    What it holds, its date and its message stay. The new tag says what the snapshot was called and
    which tag it had. Models based on it stay valid: they go by its commit. A signature is for the old
    name, so that a signed snapshot must be signed anew.

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
