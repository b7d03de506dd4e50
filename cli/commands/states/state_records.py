"""The commands of `gitstore state` that show how states were trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import output
from gitstore.cli.completion import candidates
from gitstore.cli.render.records import charts
from gitstore.cli.render.records import trainings as render

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("name", required=False, shell_complete=candidates.states)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also draw the metrics into FILE, an .svg, or a .png with gitstore[media].",
)
@click.option(
    "--metric",
    "chosen",
    multiple=True,
    metavar="NAME",
    shell_complete=candidates.metrics,
    help="Show this metric; all by default.",
)
@output.json_option
@click.pass_context
def show(
    ctx: click.Context, name: str | None, plot: Path | None, chosen: tuple[str, ...], *, as_json: bool
) -> None:
    """Show a state, by default the active one, and how it was trained: parameters, data, metrics, code,
    packages.

    \b
    Examples:
      gitstore state show trained-1
      gitstore state show --plot loss.svg --metric loss
      gitstore state show trained-1 --json
    """
    from gitstore.models import state as states
    from gitstore.models.model import Model
    from gitstore.records.trainings import find_state_record
    from gitstore.run.conditions import find_conditions
    from gitstore.run.recording import trainings

    model = Model.identify(ctx.obj)
    state = states.find_state(model, name or model.active_state)
    record = find_state_record(model, state.name)
    metrics = []
    if record is not None:
        with trainings.open_metrics(model, record, find_conditions(ctx.obj)) as read:
            metrics = [metric for metric in read if not chosen or metric.name in chosen]
    groups = trainings.group_metrics(metrics)
    if plot is not None:
        series = {name: [(m.seconds, m.value) for m in group] for name, group in groups.items()}
        charts.write(Path(ctx.obj, plot), series)
    if as_json:
        output.print_json(render.state_json(state, record, metrics))
    else:
        render.show_state(state, record, groups)


@click.command()
@click.argument("first", shell_complete=candidates.states)
@click.argument("second", shell_complete=candidates.states)
@output.json_option
@click.pass_context
def compare(ctx: click.Context, first: str, second: str, *, as_json: bool) -> None:
    """Show what differs between how two states were trained: parameters, data, metrics, packages, code.

    \b
    Example:
      gitstore state compare trained-1 trained-2
    """
    from gitstore.models.model import Model
    from gitstore.records import comparison

    differences = comparison.compare_states(Model.identify(ctx.obj), first, second)
    render.show_comparison((first, second), differences, as_json=as_json)


COMMANDS = (show, compare)
"""In the order of the help."""
