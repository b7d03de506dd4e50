"""`gitstore show`."""

from __future__ import annotations

import click

from gitstore.cli import output, pager
from gitstore.cli.commands.sharing import references
from gitstore.cli.completion import candidates
from gitstore.cli.render import snapshots as render


@click.command()
@click.argument("reference", metavar="REF", shell_complete=candidates.snapshots)
@output.json_option
@click.pass_context
def command(ctx: click.Context, reference: str, *, as_json: bool) -> None:
    """Show a snapshot, its files, its settings, and the records of its evaluations.

    REF may also be REMOTE:SNAPSHOT or URL@SNAPSHOT. Weights there are not fetched, if the server can leave
    them out; sizes are then unknown.

    \b
    Examples:
      gitstore show v1
      gitstore show origin:v2
      gitstore show dogs@v1 --json
    """
    from gitstore.models import alias
    from gitstore.records.of_snapshot import read_records
    from gitstore.snapshots import export
    from gitstore.storage.sizes import measure_if_here

    snapshot = references.resolve(ctx, reference)
    objects = snapshot.repository.objects
    files = [(file, measure_if_here(file, objects)) for file in export.list_files(snapshot)]
    records = read_records(snapshot)
    aliases = alias.list_names_by_tag(snapshot.repository).get(snapshot.tag_oid, [])
    if as_json:
        output.print_json(render.in_full_json(snapshot, files, records, aliases=aliases))
        return
    pager.choose_colour(ctx.obj)
    with pager.paged(ctx.obj):
        render.show_in_full(snapshot, files, records, aliases=aliases)
