"""`gitstore evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output, totals
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import outputs as render

if TYPE_CHECKING:
    from gitstore.models.snapshot import Snapshot
    from gitstore.run.conditions import Conditions
    from gitstore.run.evaluation import SnapshotLauncher
    from gitstore.run.supervisor import Evaluation
    from gitstore.run.values.inputs import Inputs


@click.command()
@click.argument("reference", metavar="[REF]", required=False, shell_complete=candidates.snapshots)
@options.input_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write each output to a file in DIR: NAME.npy, or NAME.png and the like.",
)
@options.no_lock_option
@click.option("--warm", is_flag=True, help="Evaluate on the warm launcher that serves REF.")
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, reference: str | None, inputs: tuple[str, ...], out: Path | None, *,
    unlocked: bool, warm: bool, show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Evaluate a snapshot or the working copy. Prints the outputs as JSON.

    Without REF, it evaluates the working copy. With --out, it prints the path of each file that it wrote;
    add --json to print the paths as JSON.

    A snapshot always runs the code, state and settings that it was taken with, and with the packages of its
    packages.lock. The files are in the user's cache, and are compared with the snapshot before each use.

    \b
    Examples:
      gitstore evaluate v1 -p images=@data/digits.npz:test_images --out out
      gitstore evaluate dogs@v1 -p images=@image.npy
      gitstore evaluate v1 -p 'pictures=@holiday/*.png' --out out
      gitstore evaluate v1 -p images=@image.npy --warm
      gitstore evaluate -p images=@image.npy
    """
    from gitstore.models import reference as references
    from gitstore.models.model import Model
    from gitstore.run import evaluation
    from gitstore.run.conditions import find_conditions
    from gitstore.run.values import outputs
    from gitstore.run.values.inputs import Assignments

    values, conditions = Assignments(inputs, ctx.obj), find_conditions(ctx.obj, unlocked=unlocked)
    if warm and (reference is None or unlocked):
        raise click.UsageError("--warm needs REF, a snapshot that is served, and is not for --no-lock", ctx)
    if reference is None:
        evaluated = evaluation.evaluate_working_copy(Model.open(ctx.obj), values, conditions=conditions)
    else:
        snapshot, launcher = references.resolve(reference, ctx.obj), _choose_launcher(conditions, warm=warm)
        evaluated = _evaluate_snapshot(snapshot, values, launcher=launcher, show=show_progress)
    if out is None:
        output.print_json(outputs.to_json(evaluated.outputs))
    else:
        _write_files(evaluated, Path(ctx.obj, out), as_json=as_json)


def _write_files(evaluated: Evaluation, directory: Path, *, as_json: bool) -> None:
    """Write the outputs to files, and show their paths."""
    from gitstore.run.values import outputs

    files = outputs.write(evaluated.outputs, directory)
    render.show_files(files, unlocked=evaluated.workplace.is_unlocked, as_json=as_json)


def _evaluate_snapshot(
    snapshot: Snapshot, values: Inputs, *, launcher: SnapshotLauncher, show: bool | None
) -> Evaluation:
    from gitstore.run import evaluation

    total = totals.stored(snapshot.repository, snapshot.state_tree)
    with byte_progress("fetch state", total, show=show) as progress:
        return evaluation.evaluate_snapshot(snapshot, values, launcher=launcher, progress=progress)


def _choose_launcher(conditions: Conditions, *, warm: bool) -> SnapshotLauncher:
    from gitstore.launchers.client import WarmLauncher
    from gitstore.launchers.directory import find_launchers
    from gitstore.run.evaluation import LocalLauncher

    return WarmLauncher(find_launchers(conditions.cache)) if warm else LocalLauncher(conditions)
