"""`gitstore verify`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.progress import count_progress
from gitstore.cli.render import verify as render

if TYPE_CHECKING:
    from gitstore.git.repository import Repository
    from gitstore.snapshots.verification import Scope


@click.command()
@click.argument("references", metavar="[REF]...", nargs=-1, shell_complete=candidates.snapshots)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Check all snapshots of all models, and the rest of the repository: refs, HEADs, indexes, packs,"
    " loose objects and reflogs. Also check the cached files of the snapshots.",
)
@click.option(
    "--require-signature",
    "required",
    is_flag=True,
    help="Fail if a snapshot has no good signature of a known signer, as checked by git verify-tag.",
)
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, references: tuple[str, ...], *, everything: bool, required: bool,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Check that snapshots are intact. Hashes every object again, and compares each tag with its
    content.

    Without REF, checks all snapshots of the model. Exits with 12 if anything is wrong.

    Stock git checks the signatures, with the keys that it knows: those of the keyring, if gpg.minTrustLevel
    allows them, and the SSH keys in gpg.ssh.allowedSignersFile. A bad signature is an error. With
    --require-signature, it is also an error (exit code 1) if a snapshot has no signature, or one by an
    unknown signer or an expired or revoked key.

    \b
    Examples:
      gitstore verify
      gitstore verify v1 dogs@v2
      gitstore verify --all --json
      gitstore verify v1 --require-signature
    """
    from gitstore.snapshots import verification

    scope = _find_scope(ctx, references, everything=everything)
    cache_check = partial(_check_cache, ctx.obj, scope.repository)
    with count_progress("verify objects", show=show_progress) as (expect, progress):
        verified = verification.run(
            scope, require_signatures=required, check_cache=cache_check, expect=expect, progress=progress
        )
    if as_json:
        output.print_json(render.to_json(verified))
        ctx.exit(verified.exit_code)
    render.show_details(verified)
    if verified.error is not None:
        raise verified.error
    render.show_intact(verified)


def _find_scope(ctx: click.Context, references: tuple[str, ...], *, everything: bool) -> Scope:
    """What the command line asks to verify."""
    from gitstore.snapshots import verification

    if references and everything:
        raise click.UsageError("give either REF or --all", ctx)
    if references:
        return verification.find_named(references, ctx.obj)
    return verification.find_all(ctx.obj) if everything else verification.find_of_model(ctx.obj)


def _check_cache(directory: Path, repository: Repository) -> list[str]:
    """Problems of the files that operations run from."""
    from gitstore.run.cache.check import check_cache
    from gitstore.run.cache.user_cache import find_user_cache

    return check_cache(find_user_cache(directory), repository)
