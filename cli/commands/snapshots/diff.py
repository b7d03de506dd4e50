"""`gitstore diff`."""

from __future__ import annotations

import click

from gitstore.cli import options, output, pager, terminal
from gitstore.cli.commands.sharing import references
from gitstore.cli.completion import candidates
from gitstore.cli.progress import count_progress
from gitstore.cli.render import diff as render


@click.command()
@click.argument("a", metavar="A", shell_complete=candidates.snapshots)
@click.argument("b", metavar="[B]", required=False, shell_complete=candidates.snapshots)
@click.option("-p", "--patch", is_flag=True, help="Show the code's changes line by line.")
@click.option(
    "--exit-code", "with_exit_code", is_flag=True, help="Exit with 1 if anything differs, as git diff does."
)
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, a: str, b: str | None, *, patch: bool, with_exit_code: bool,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Show what differs between two snapshots. Without B, compare A with the working copy.

    Settings are compared by key, with their defaults; code as git does; the state by file, and .safetensors
    files by tensor. The changed bytes of a file are those of its changed parts; unchanged parts are not
    stored again. The working copy is compared as a snapshot would take it now. Prints nothing if nothing
    differs.

    A and B may also be REMOTE:SNAPSHOT or URL@SNAPSHOT.

    \b
    + only in B    - only in A    ~ in both, but different

    \b
    Examples:
      gitstore diff v1
      gitstore diff v1 v2 --patch
      gitstore diff digits@v1 even@v1
      gitstore diff ../other@v3 v2 --json
      gitstore diff v2 origin:v3
    """
    from gitstore.diff import diff
    from gitstore.models.model import Model

    before = references.resolve(ctx, a)
    after = Model.open(ctx.obj) if b is None else references.resolve(ctx, b)
    pager.choose_colour(ctx.obj, "color.diff")
    colour = terminal.in_colour() and not as_json
    with count_progress("compare state", show=show_progress, in_bytes=True) as (expect, progress):
        changes = diff.compare(before, after, patch=patch, colour=colour, progress=progress, expect=expect)
    if as_json:
        output.print_json(render.to_json(changes, before, after, patch=patch))
    else:
        with pager.paged(ctx.obj):
            render.show(changes)
    ctx.exit(1 if with_exit_code and changes.differs else 0)
