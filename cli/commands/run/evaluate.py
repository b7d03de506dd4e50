"""`gitstore evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from gitstore.cli import options, output, totals
from gitstore.cli.commands.run import batches, expectations
from gitstore.cli.commands.sharing import references
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import outputs as render
from gitstore.cli.run_options import RunOptions, run_options

if TYPE_CHECKING:
    from gitstore.models.snapshot import Snapshot
    from gitstore.run.conditions import Conditions
    from gitstore.run.evaluation import SnapshotLauncher
    from gitstore.run.supervisor import Evaluation
    from gitstore.run.values.inputs import Assignments, Inputs


@click.command()
@click.argument("reference", metavar="[REF]", required=False, shell_complete=candidates.snapshots)
@options.input_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write each output to a file in DIR: NAME.npy, or NAME.png and the like.",
)
@batches.batch_options
@expectations.record_options
@options.launcher_option
@click.option("--warm", is_flag=True, help="Evaluate on the warm launcher that serves REF.")
@run_options()
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, reference: str | None, inputs: tuple[str, ...], out: Path | None, *,
    batch: batches.BatchOptions, records: expectations.RecordOptions, run_with: RunOptions, warm: bool,
    launcher: options.LauncherChoice, show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Evaluate a snapshot or the working copy. Prints the outputs as JSON.

    Without REF, it evaluates the working copy. REF may also be REMOTE:SNAPSHOT or URL@SNAPSHOT. With --out,
    it prints the paths of the files that it wrote. With --json, the object also says how it ran.

    A snapshot always runs the code, state and settings that it was taken with, and with the packages of its
    packages.lock, here or on a Ray cluster. It runs in a sandbox: it sees neither the network nor your files,
    and has the resources of default_launchers in settings.yaml, unless options say otherwise.

    --record keeps inputs, outputs and what it ran with as a git note on the snapshot. --expect compares with
    such a record: of SNAPSHOT, of REF, or of any snapshot of the model. It exits with 0 if the outputs are
    equal, 1 if they differ, and 125 if that cannot be told, as git bisect run wants it.

    --batch evaluates many examples in chunks, on several workers. DIR has their outputs, in order.

    \b
    Examples:
      gitstore evaluate v1 -p images=@data/digits.npz:test_images --out out
      gitstore evaluate origin:v2 -p images=@image.npy
      gitstore evaluate v1 -p 'pictures=@holiday/*.png' --out out --warm
      gitstore evaluate v1 -p images=@image.npy --launcher ray:10.0.0.5:6379
      gitstore evaluate -p images=@image.npy --memory 4GiB --bind /data/vocabulary
      gitstore evaluate v1 --batch images.npz --workers 4 --out digits
      gitstore evaluate v1 -p images=@image.npy --record first
      git bisect run gitstore evaluate --expect v1:first --rtol 1e-5
      gitstore evaluate --compare v1 v2 -p images=@image.npy
    """
    from gitstore.run.values.inputs import Assignments

    batch.check(ctx)
    _check_place(ctx, records, run_with)
    conditions = launcher.apply(run_with.find_conditions(ctx.obj))
    place = _Place(ctx, ctx.obj, conditions, records, warm, show_progress)
    values = Assignments(inputs, ctx.obj)
    _run(ctx, place, reference=reference, values=values, batch=batch, out=out, as_json=as_json)


def _run(
    ctx: click.Context,
    place: _Place,
    *,
    reference: str | None,
    values: Assignments,
    batch: batches.BatchOptions,
    out: Path | None,
    as_json: bool,
) -> None:
    """Evaluate, and show what came of it."""
    if batch.path is not None:
        place.evaluate_batch(ctx, options=batch, values=values)
    elif place.records.compares:
        expectations.compare(
            ctx, reference, values, records=place.records, conditions=place.conditions, as_json=as_json
        )
    else:
        evaluated = place.evaluate(reference, values)
        directory = Path(ctx.obj, out) if out is not None else None
        render.show_outputs(evaluated, directory, record=place.records.record, as_json=as_json)


def _check_place(ctx: click.Context, records: expectations.RecordOptions, run_with: RunOptions) -> None:
    """Refuse options that exclude each other, and --launcher and --warm with some that they do not heed."""
    reference, with_files, warm = ctx.params["reference"], ctx.params["out"] is not None, ctx.params["warm"]
    records.check(ctx, reference=reference, with_files=with_files, warm=warm)
    has_snapshot = reference is not None
    if records.record is not None and references.is_remote(ctx, reference):
        raise click.UsageError("--record needs a snapshot that is here; gitstore pull fetches it", ctx)
    if ctx.params["launcher"].engine == "ray" and (warm or records.compares or not has_snapshot):
        raise click.UsageError("--launcher ray needs REF, and is not for --warm, --expect and --compare", ctx)
    if not warm:
        return
    if not has_snapshot or run_with.unlocked:
        raise click.UsageError("--warm needs REF, a snapshot that is served, and is not for --no-lock", ctx)
    if run_with != RunOptions():
        raise click.UsageError("--warm uses the launcher's own sandbox; leave its options out", ctx)


class _Place(NamedTuple):
    """Where, and how, a command evaluates."""

    ctx: click.Context
    directory: Path
    conditions: Conditions
    records: expectations.RecordOptions
    warm: bool
    show_progress: bool | None

    def evaluate(self, reference: str | None, values: Inputs) -> Evaluation:
        """Evaluate a snapshot or the working copy, and record it if that is asked for."""
        from gitstore.models.model import Model
        from gitstore.run import evaluation

        if reference is None:
            model = Model.open(self.directory)
            return evaluation.evaluate_working_copy(model, values, conditions=self.conditions)
        return self._evaluate_snapshot(references.resolve(self.ctx, reference), values)

    def evaluate_batch(self, ctx: click.Context, *, options: batches.BatchOptions, values: Inputs) -> None:
        """Evaluate a batch, and show what became of it."""
        from gitstore.launchers.choice import choose_launcher

        snapshot = references.resolve(ctx, ctx.params["reference"])
        launcher = choose_launcher(snapshot, self.conditions)
        command = batches.BatchCommand(self.directory, options, values, launcher, self.show_progress)
        command.run(snapshot, ctx.params["out"], as_json=ctx.params["as_json"])

    def _evaluate_snapshot(self, snapshot: Snapshot, values: Inputs) -> Evaluation:
        from gitstore.run import evaluation

        launcher = _choose_launcher(snapshot, self.conditions, warm=self.warm)
        total, name = totals.stored(snapshot.repository, snapshot.state_tree), self.records.record
        with byte_progress("fetch state", total, show=self.show_progress) as progress:
            if name is None:
                return evaluation.evaluate_snapshot(snapshot, values, launcher=launcher, progress=progress)
            from gitstore.run.recording.evaluations import evaluate_and_record

            recorded = evaluate_and_record(
                snapshot,
                values,
                name=name,
                launcher=launcher,
                replacing=self.records.replacing,
                progress=progress,
            )
        output.print_message(f"Recorded evaluation {name} of {snapshot.short_name}")
        return recorded.evaluation


def _choose_launcher(snapshot: Snapshot, conditions: Conditions, *, warm: bool) -> SnapshotLauncher:
    if not warm:
        from gitstore.launchers.choice import choose_launcher

        return choose_launcher(snapshot, conditions)
    from gitstore.launchers.client import WarmLauncher
    from gitstore.launchers.directory import find_launchers

    return WarmLauncher(find_launchers(conditions.cache))
