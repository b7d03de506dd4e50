"""`gitstore verify`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.progress import count_progress
from gitstore.errors import Corrupt

if TYPE_CHECKING:
    from gitstore.git.verify_tag import Signature


@click.command()
@click.argument("references", metavar="[REF]...", nargs=-1, shell_complete=candidates.snapshots)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every snapshot of every model, and all else that the repository has: refs, HEADs, indexes, packs,"
    " loose objects and reflogs; and what the cache has of them.",
)
@click.option(
    "--require-signature",
    "required",
    is_flag=True,
    help="Fail if a snapshot lacks a good signature of a known signer, as git verify-tag tells.",
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
    """Hash every object of snapshots again, and compare all that their tags say with what is there.

    Without REF, the snapshots of the model. Exits with 12 if anything is wrong.

    Signatures are checked by stock git, with the keys that it knows: those of the keyring, trusted as
    much as gpg.minTrustLevel asks, and SSH keys in gpg.ssh.allowedSignersFile. A bad signature is wrong;
    none, or one of an unknown signer, an expired or a revoked key, only with --require-signature (1).

    \b
    Examples:
      gitstore verify
      gitstore verify v1 dogs@v2
      gitstore verify --all --json
      gitstore verify v1 --require-signature
    """
    from gitstore.git.repository import Repository
    from gitstore.models import reference
    from gitstore.run import cache_check
    from gitstore.run.cache import find_user_cache
    from gitstore.snapshots import signatures, verify
    from gitstore.storage import check

    if references and everything:
        raise click.UsageError("give REF, or --all", ctx)
    places = [reference.locate(each, ctx.obj) for each in references]
    for place in places:
        reference.check_snapshot(place)
    repository = places[0].repository if places else Repository.discover(ctx.obj)
    if any(place.repository.common != repository.common for place in places):
        raise click.UsageError("verify the snapshots of one repository at a time", ctx)
    tags = [(place.ref, place.oid) for place in places]
    others: list[str] = []
    notices: list[str] = []
    if not places:
        namespace = None if everything else _namespace(ctx.obj)
        space, below = namespace or "refs/tags/", namespace is None
        tags = verify.list_tags(repository, space, below=below)
        others = [] if everything else verify.list_damaged_refs(repository, space, below=below)
    with count_progress("verify objects", wanted=show_progress) as (expect, progress):
        report = verify.verify(repository, tags, expect=expect, progress=progress)
    if everything:
        others, notices = check.check_repository(repository)
        others += cache_check.check(find_user_cache(ctx.obj), repository)
    problems = [str(problem) for problem in report.problems] + others
    lacking = signatures.select_unaccepted(report.signatures) if required else {}
    if as_json:
        output.data_json(
            {
                "ok": not problems and not lacking,
                "snapshots": report.snapshots,
                "objects": report.objects,
                "problems": [
                    {"message": each.message, "snapshots": each.snapshots, "path": each.path,
                     "oid": str(each.oid) if each.oid else None}
                    for each in report.problems
                ] + [{"message": each, "snapshots": [], "path": None, "oid": None} for each in others],
                "notices": notices,
                "signatures": [_signature(name, each) for name, each in report.signatures.items()],
            }
        )  # fmt: skip
        ctx.exit(Corrupt.exit_code if problems else signatures.NotSigned.exit_code if lacking else 0)
    for notice in notices:
        output.message(f"warning: {notice}")
    if any(report.signatures.values()):
        errors = {} if problems else lacking
        _show({name: each for name, each in report.signatures.items() if name not in errors})
    if problems:
        # Of what a tag says wrongly, no other repository has a better copy.
        is_lost = (everything and others) or any(problem.oid for problem in report.problems)
        raise Corrupt("\n".join(problems), repository.objects.missing_hint if is_lost else None)
    if lacking:
        raise signatures.NotSigned(lacking)
    output.message(
        f"Verified {', '.join(report.snapshots) or 'no snapshots'}: {report.objects} objects are sound"
    )


def _show(found: Mapping[str, Signature | None]) -> None:
    """A line for each snapshot, but for bad signatures, which are told as problems."""
    from gitstore.git.verify_tag import Verdict
    from gitstore.snapshots import signatures

    for name, each in found.items():
        if each is None or each.verdict is not Verdict.BAD:
            output.message(f"{name}: {signatures.describe(each)}")
    hint = signatures.suggest(each for each in found.values() if each is not None)
    if hint is not None:
        output.message(f"hint: {hint}")


def _signature(name: str, each: Signature | None) -> dict[str, Any]:
    return {
        "snapshot": name,
        "status": each.verdict if each else "none",
        "accepted": each.accepted if each else False,
        "signed": each.scheme if each else None,
        "signer": each.signer if each else None,
        "key": each.key if each else None,
        "trust": each.trust if each else None,
    }


def _namespace(directory: Path) -> str | None:
    """Where the tags of the directory's model are; `None` if the repository is too damaged to tell."""
    from gitstore.models.model import Model

    try:
        return Model.identify(directory).tag_ref("")
    except Corrupt:
        return None
