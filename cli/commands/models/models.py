"""`gitstore models`."""

from __future__ import annotations

import click

from gitstore.cli import options, output, totals
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import models as render


@click.group(invoke_without_command=True)
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the models of the repository. The root model comes first, then the derived ones.

    SIZE is the size of the files of all snapshots of the model, STATE is the active state, and STATE SIZE
    is the size of its files as they are saved.

    \b
    Examples:
      gitstore models
      gitstore models --json
      gitstore models rm dogs
    """
    if ctx.invoked_subcommand is not None:
        return
    from gitstore.models import catalog
    from gitstore.models.lineage import Lineage
    from gitstore.models.model import Model
    from gitstore.storage.sizes import Sizes

    current = Model.identify(ctx.obj)
    for problem in current.invalid:
        output.print_message(f"warning: {problem}")
    listing = catalog.list_models(current)
    lineage, sizes = Lineage(listing.models), Sizes(current.repository.objects)
    if as_json:
        output.print_json([render.to_json(model, lineage, sizes) for model in listing.models])
    else:
        render.show_list(listing.models, lineage, sizes)
    if listing.unreadable is not None:
        raise listing.unreadable


@command.command()
@click.argument("name", shell_complete=candidates.models)
@click.option("-n", "--dry-run", is_flag=True, help="Only show what removing would free and lose.")
@click.option(
    "--force", is_flag=True, help="Remove it even if files would be lost, or if other models are based on it."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.no_verify_option
@options.progress_option
@output.json_option
@click.pass_context
def rm(
    ctx: click.Context, name: str, *, dry_run: bool, force: bool, yes: bool, call_hook: bool,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Remove a derived model with its snapshots, states, branch and working copy.

    First shows what that frees and loses; asks on a terminal. --force is needed if the model has unsaved
    states or uncommitted edits, or if other models are based on it; these keep what they need. The next
    gitstore gc frees the disk space. If the command is interrupted, run it again to finish it.

    \b
    Examples:
      gitstore models rm dogs --dry-run
      gitstore models rm dogs --yes
    """
    from gitstore.derive import remove
    from gitstore.models.model import Model

    model = Model.open(ctx.obj)
    total = totals.states_on_disk(model, name)
    with byte_progress(f"check {name}", total, show=show_progress) as progress:
        removal = remove.plan_removal(model, name, progress)
    if not as_json:
        render.explain_removal(removal)
    if not dry_run:
        if not force:
            remove.check_removal(removal)
        output.confirm(ctx, f"Remove the model {name}?", assumed=yes)
        remove.remove(removal, call_hook=call_hook)
    if as_json:
        output.print_json(render.removal_json(removal, removed=not dry_run))
    elif not dry_run:
        output.print_message(f"Removed the model {name}; gitstore gc frees the disk space")
