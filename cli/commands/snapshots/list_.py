"""`gitstore list`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gitstore.cli import output, pager
from gitstore.cli.render import snapshots as render
from gitstore.errors import Corrupt

if TYPE_CHECKING:
    from gitstore.models.snapshot import Snapshot


@click.command("list")
@click.option("--all", "all_models", is_flag=True, help="List the snapshots of all models.")
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, all_models: bool, as_json: bool) -> None:
    """List the model's snapshots, oldest first. SIZE is the size of a snapshot's files.

    A warning names each snapshot whose tag contradicts its settings; gitstore verify shows details.

    \b
    Examples:
      gitstore list
      gitstore list --all --json
    """
    from gitstore.models import snapshot
    from gitstore.models.model import Model
    from gitstore.storage.sizes import Sizes

    model = Model.identify(ctx.obj)
    unreadable: Corrupt | None = None
    try:
        snapshots: Sequence[Snapshot] = (
            snapshot.every(model.repository) if all_models else snapshot.below(model)
        )
    except snapshot.UnreadableSnapshots as error:
        unreadable, snapshots = error, error.others
    for problem in snapshot.contradicted(snapshots):
        output.message(f"warning: {problem.message}")
    sizes = Sizes(model.repository.objects)
    rows = [(each, sizes.measure_snapshot(each)) for each in snapshots]
    if as_json:
        output.data_json([render.to_json(each, size) for each, size in rows])
    elif rows:
        pager.prepare(ctx.obj)
        with pager.paged(ctx.obj):
            render.show_list(rows, all_models=all_models)
    elif unreadable is None:
        output.message(output.add_directory("no snapshots yet; gitstore snapshot v1 takes one"))
    if unreadable is not None:
        raise unreadable
