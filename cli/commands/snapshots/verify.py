"""`gitstore verify`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.commands.run import expectations
from gitstore.cli.completion import candidates
from gitstore.cli.progress import count_progress
from gitstore.cli.render import verify as render
from gitstore.cli.render.records import evaluations as evaluation_render
from gitstore.cli.run_options import RunOptions, run_options

if TYPE_CHECKING:
    from gitstore.git.repository import Repository
    from gitstore.run.conditions import Conditions
    from gitstore.run.recording.differences import Tolerance
    from gitstore.run.recording.verification import VerifiedEvaluation
    from gitstore.snapshots.verification import Scope, Verification


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
@click.option("--evaluations", "again", is_flag=True, help="Also run the recorded evaluations again.")
@click.option(
    "--evaluation",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=candidates.evaluation_records,
    help="Only those called NAME.",
)
@expectations.tolerance_options
@run_options()
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, references: tuple[str, ...], *, everything: bool, required: bool, again: bool,
    names: tuple[str, ...], rtol: tuple[str, ...], atol: tuple[str, ...], run_with: RunOptions,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Check that snapshots are intact: hash every object again, and compare each tag with its content.

    Without REF, checks all snapshots of the model. Exits with 12 if anything is wrong.

    Stock git checks the signatures, with the keys that it knows: those of the keyring, if gpg.minTrustLevel
    allows them, and the SSH keys in gpg.ssh.allowedSignersFile. A bad signature is an error. With
    --require-signature, it is also an error (exit code 1) if a snapshot has no signature, or one by an
    unknown signer or an expired or revoked key.

    With --evaluations, evaluates the inputs of the snapshots' evaluation records again. It is an error if an
    output differs, by more than --rtol and --atol allow.

    \b
    Examples:
      gitstore verify
      gitstore verify v1 dogs@v2
      gitstore verify --all --json
      gitstore verify v1 --require-signature
      gitstore verify v1 --evaluations --rtol 1e-5 --atol probability=1e-3
    """
    if not (again or names):
        run_with.refuse(ctx, "is only for --evaluations")
    scope = _find_scope(ctx, references, everything=everything)
    verified = _verify(ctx.obj, scope, required=required, show_progress=show_progress)
    evaluations = []
    if (again or names) and verified.error is None:
        tolerance = expectations.parse_tolerance(ctx, rtol=rtol, atol=atol)
        evaluations = _evaluate_again(scope, names, run_with.find_conditions(ctx.obj), tolerance=tolerance)
    error = verified.error or evaluation_render.make_error(evaluations)
    if as_json:
        output.print_json(render.to_json(verified, evaluations))
        ctx.exit(error.exit_code if error is not None else 0)
    render.show(verified, evaluations)
    if error is not None:
        raise error


def _verify(directory: Path, scope: Scope, *, required: bool, show_progress: bool | None) -> Verification:
    """Check the tags in a scope, and all that they hold."""
    from gitstore.snapshots import verification

    check_cache = partial(_check_cache, directory, scope.repository)
    with count_progress("verify objects", show=show_progress) as (expect, progress):
        return verification.run(
            scope, require_signatures=required, check_cache=check_cache, expect=expect, progress=progress
        )


def _evaluate_again(
    scope: Scope, names: tuple[str, ...], conditions: Conditions, *, tolerance: Tolerance
) -> list[VerifiedEvaluation]:
    """Run recorded evaluations of the snapshots in a scope again."""
    from gitstore.models import snapshot
    from gitstore.run.recording.verification import verify_evaluations

    read = (snapshot.read(scope.repository, ref, oid) for ref, oid in scope.tags)
    snapshots = [found for found in read if found is not None]
    return list(verify_evaluations(snapshots, names, conditions=conditions, tolerance=tolerance))


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
