"""`gitstore diff`."""

from __future__ import annotations

import click

from gitstore.cli import options, output, pager, terminal
from gitstore.cli.completion import candidates
from gitstore.cli.progress import count_progress
from gitstore.cli.render import diff as render


@click.command()
@click.argument("a", metavar="A", shell_complete=candidates.snapshots)
@click.argument("b", metavar="[B]", required=False, shell_complete=candidates.snapshots)
@click.option("-p", "--patch", is_flag=True, help="Show the code's changes line by line.")
@click.option("--exit-code", "tell", is_flag=True, help="Exit with 1 if anything differs, as git diff does.")
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, a: str, b: str | None, *, patch: bool, tell: bool,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Show what differs from snapshot A to snapshot B, or without B to the working copy.

    Settings by key, defaults included; code as git shows it; the state by file, and a .safetensors
    file by tensor. Of a file, what changed is counted in stored objects: the rest costs nothing.
    The working copy is what a snapshot would take now. Prints nothing if nothing differs.

    \b
    + only in B    - only in A    ~ in both, and not the same

    \b
    Examples:
      gitstore diff v1
      gitstore diff v1 v2 --patch
      gitstore diff digits@v1 even@v1
      gitstore diff ../other@v3 v2 --json
    """
    from gitstore.diff import diff
    from gitstore.models import reference
    from gitstore.models.model import Model

    before = reference.resolve(a, ctx.obj)
    after = Model.open(ctx.obj) if b is None else reference.resolve(b, ctx.obj)
    pager.prepare(ctx.obj, "color.diff")
    colour = terminal.in_colour() and not as_json
    with count_progress("compare state", wanted=show_progress, in_bytes=True) as (expect, progress):
        changes = diff.compare(before, after, patch=patch, colour=colour, progress=progress, expect=expect)
    if as_json:
        output.data_json(render.to_json(changes, before, after, patch=patch))
    else:
        with pager.paged(ctx.obj):
            render.show(changes)
    ctx.exit(1 if tell and changes.differs else 0)
