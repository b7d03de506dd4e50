"""`gitstore verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.progress import count_progress
from gitstore.cli.render import verify as render
from gitstore.errors import Corrupt

if TYPE_CHECKING:
    from gitstore.git.repository import Repository
    from gitstore.snapshots.verify import Tagged


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
    ctx: click.Context,
    references: tuple[str, ...],
    *,
    everything: bool,
    required: bool,
    show_progress: bool | None,
    as_json: bool,
) -> None:
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
    if references and everything:
        raise click.UsageError("give either REF or --all", ctx)
    repository, tags, others = _find(ctx, references, everything=everything)
    verified = _verify(
        ctx, repository, tags, others=others, everything=everything, required=required, show=show_progress
    )
    if as_json:
        output.data_json(render.to_json(verified))
        ctx.exit(verified.exit_code)
    render.show_details(verified)
    if verified.error is not None:
        raise verified.error
    render.show_sound(verified)


def _find(
    ctx: click.Context, references: tuple[str, ...], *, everything: bool
) -> tuple[Repository, list[Tagged], list[str]]:
    """The repository, the tags to verify, and problems of those that cannot even be listed."""
    from gitstore.git.repository import Repository
    from gitstore.models import reference
    from gitstore.snapshots import verify

    if not references:
        repository = Repository.discover(ctx.obj)
        namespace = None if everything else _namespace(ctx.obj)
        space, below = namespace or "refs/tags/", namespace is None
        damaged = [] if everything else verify.list_damaged_refs(repository, space, below=below)
        return repository, verify.list_tags(repository, space, below=below), damaged
    places = [reference.locate(text, ctx.obj) for text in references]
    for place in places:
        reference.check_snapshot(place)
    repository = places[0].repository
    if any(place.repository.common != repository.common for place in places):
        raise click.UsageError("verify the snapshots of one repository at a time", ctx)
    return repository, [(place.ref, place.oid) for place in places], []


def _verify(
    ctx: click.Context, repository: Repository, tags: list[Tagged], *, others: list[str],
    everything: bool, required: bool, show: bool | None,
) -> render.Verified:  # fmt: skip
    from gitstore.run.cache.check import check_cache
    from gitstore.run.cache.user_cache import find_user_cache
    from gitstore.snapshots import signatures, verify
    from gitstore.storage import check

    notices: list[str] = []
    with count_progress("verify objects", show=show) as (expect, progress):
        report = verify.verify(repository, tags, expect=expect, progress=progress)
    if everything:
        others, notices = check.check_repository(repository)
        others += check_cache(find_user_cache(ctx.obj), repository)
    lacking = signatures.select_unaccepted(report.signatures) if required else {}
    hint = repository.objects.missing_hint
    # Of what a tag says wrongly, no other repository has a better copy.
    is_lost = (everything and others) or any(problem.oid for problem in report.problems)
    return render.Verified(report, others, notices, lacking, hint if is_lost else None)


def _namespace(directory: Path) -> str | None:
    """Where the tags of the directory's model are; `None` if the repository is too damaged to tell."""
    from gitstore.models.model import Model

    try:
        return Model.identify(directory).tag_ref("")
    except Corrupt:
        return None
