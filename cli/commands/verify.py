"""`gitstore verify`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import options, output
from gitstore.errors import Corrupt


@click.command()
@click.argument("references", metavar="[REF]...", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="Every snapshot of every model, and all packs' checksums."
)
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context,
    references: tuple[str, ...],
    *,
    everything: bool,
    show_progress: bool | None,
    as_json: bool,
) -> None:
    """Hash every object of snapshots again, and compare all that their tags say with what is there.

    Without REF, the snapshots of the model. Exits with 12 if anything is wrong.

    \b
    Examples:
      gitstore verify
      gitstore verify v1 dogs@v2
      gitstore verify --all --json
    """
    from gitstore import reference, verify
    from gitstore.objects.repository import Repository

    if references and everything:
        raise click.UsageError("give REF, or --all", ctx)
    places = [reference.locate(each, ctx.obj) for each in references]
    repository = places[0].repository if places else Repository.discover(ctx.obj)
    if any(place.repository.common != repository.common for place in places):
        raise click.UsageError("verify the snapshots of one repository at a time", ctx)
    tags = [(place.ref, place.oid) for place in places]
    if not places:
        namespace = None if everything else _namespace(ctx.obj)
        tags = verify.snapshots(repository, namespace or "refs/tags/", below=namespace is None)
    with options.byte_progress("verify", None, wanted=show_progress) as progress:
        report = verify.verify(repository, tags, progress)
        packs = verify.verify_packs(repository.objects.own_packs) if everything else []
    problems = [str(problem) for problem in report.problems] + packs
    if as_json:
        output.data_json(
            {
                "ok": not problems,
                "snapshots": report.snapshots,
                "objects": report.objects,
                "problems": [
                    {"message": each.message, "snapshots": each.snapshots, "path": each.path,
                     "oid": str(each.oid) if each.oid else None}
                    for each in report.problems
                ] + [{"message": each, "snapshots": [], "path": None, "oid": None} for each in packs],
            }
        )  # fmt: skip
        ctx.exit(Corrupt.exit_code if problems else 0)
    if problems:
        raise Corrupt(
            "\n".join(problems), "a clone or a backup may still have the object; git fetch brings it back"
        )
    output.message(
        f"Verified {', '.join(report.snapshots) or 'no snapshots'}: {report.objects} objects are sound"
    )


def _namespace(directory: Path) -> str | None:
    """Where the tags of the directory's model are; `None` if the repository is too damaged to tell."""
    from gitstore.model import Model

    try:
        return Model.open(directory).tag_ref("")
    except Corrupt:
        return None
