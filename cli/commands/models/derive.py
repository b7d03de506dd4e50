"""`gitstore derive`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.progress import count_progress, share_progress
from gitstore.cli.render import derived as render
from gitstore.cli.run_options import RunOptions, run_options

if TYPE_CHECKING:
    from gitstore.derive.first_state import FirstState
    from gitstore.models.model import Model


@click.command()
@click.argument("source", metavar="SNAPSHOT", shell_complete=candidates.snapshots)
@click.argument("name")
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option(
    "--reference",
    "as_reference",
    is_flag=True,
    help="Create a separate repository, even if the snapshot is in this one.",
)
@click.option(
    "--state",
    metavar="copy|none|create|PATH",
    default="copy",
    show_default=True,
    help="The first state: a copy of the snapshot's, which adds no bytes; none; one that the code creates;"
    " or the files of PATH.",
    shell_complete=candidates.first_states,
)
@options.input_option
@run_options()
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, source: str, name: str, directory: Path | None, state: str, inputs: tuple[str, ...],
    *, as_reference: bool, run_with: RunOptions, show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Create a model based on a snapshot. It is called NAME, and has SNAPSHOT's code, which is read-only.

    The new model starts with the snapshot's settings, and has its own states and snapshots. If the snapshot
    is in this repository, the model gets a worktree.

    DIRECTORY defaults to ../NAME beside the root model; outside a repository, to ./NAME.

    PATH@SNAPSHOT and URL@SNAPSHOT name a snapshot in another repository, PATH@MODEL/SNAPSHOT that of a
    derived model in it. The new model is then a repository of its own. If PATH is on the same file system,
    the new repository links its packs, and needs almost no disk space; a URL is fetched. The other
    repository can be deleted afterwards. A password in a URL is used, but never recorded.

    With --state create, -p and the options of the sandbox are those of state create; ./copy is a path.

    \b
    Examples:
      gitstore derive v1 dogs
      gitstore derive v1 vehicles ../vehicles --state create -p seed=7
      gitstore derive ../digits@v1 even --state none
      gitstore derive https://example.org/models/digits.git@v1 odd --state weights.safetensors
    """
    from gitstore.derive import standalone, worktree
    from gitstore.models import reference

    first, target = _first_state(ctx, state, inputs, run_with=run_with), _target(ctx, name, directory)
    base = reference.resolve_anywhere(source, ctx.obj)
    if isinstance(base, reference.RemoteSnapshot):
        with share_progress(f"fetch {source}", show=show_progress, at_once=False) as fetched:
            derived = standalone.derive(base, name, target, state=first, fetched=fetched)
    else:
        apart = as_reference or not reference.is_in_same_repository(base, ctx.obj)
        make = standalone.derive if apart else worktree.derive
        with count_progress("save initial", show=show_progress, in_bytes=True) as (expect, progress):
            derived = make(base, name, target, state=first, expect=expect, progress=progress)
    _record(first, derived.model, state=state)
    render.show_derived(derived, as_json=as_json)


def _first_state(
    ctx: click.Context, state: str, inputs: tuple[str, ...], *, run_with: RunOptions
) -> FirstState:
    """What --state and -p stand for."""
    from gitstore.derive import first_state

    if not state:
        raise click.UsageError("--state is copy, none, create, or a path")
    if state == "create":
        from gitstore.run.creation import CreatedState
        from gitstore.run.values.inputs import Assignments

        return CreatedState(Assignments(inputs, ctx.obj), run_with.find_conditions(ctx.obj))
    if inputs:
        raise click.UsageError("-p is only for --state create")
    run_with.refuse(ctx, "is only for --state create")
    words: dict[str, FirstState] = {"copy": first_state.COPIED, "none": first_state.ABSENT}
    return words.get(state) or first_state.Imported([Path(ctx.obj, state)])


def _record(first: FirstState, model: Model, *, state: str) -> None:
    """Keep how the first state was created, if --state asks for that."""
    if state != "create":
        return
    from gitstore.run.creation import CreatedState

    if isinstance(first, CreatedState):
        first.record(model)


def _target(ctx: click.Context, name: str, directory: Path | None) -> Path:
    """Where the model is created: in DIRECTORY, by default beside the root model."""
    from gitstore.derive import worktree
    from gitstore.errors import NotAModel
    from gitstore.models.model import Model

    if directory is not None:
        return Path(ctx.obj, directory).resolve()
    try:
        return worktree.default_directory(Model.open(ctx.obj).repository, name).resolve()
    except NotAModel:
        return Path(ctx.obj, name).resolve()
