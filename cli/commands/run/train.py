"""`gitstore train`."""

from __future__ import annotations

import click

from gitstore.cli import options, output
from gitstore.cli.progress import training_progress
from gitstore.cli.run_options import RunOptions, run_options


@click.command()
@options.input_option
@click.option(
    "--save-as", "name", metavar="STATE", help="The name of the new state; trained-1, … by default."
)
@click.option("--use", is_flag=True, help="Make the new state the active one.")
@run_options(network=True)
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, inputs: tuple[str, ...], name: str | None, *,
    use: bool, run_with: RunOptions, show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Train the model from its active state. The result is a new state, which is saved and on disk.

    Training uses the code, state and settings of the working copy. Ctrl-C asks the model to stop, and then
    nothing is kept.

    The model runs in a sandbox, as for evaluate. --bind shows it a directory of data, and --network lets it
    use the network.

    \b
    Examples:
      gitstore train -p images=@data/digits.npz:train_images -p labels=@data/digits.npz:train_labels --use
      gitstore train -p images=@images.npy -p labels=@labels.csv --save-as night-shift
      gitstore train --bind /data/photos -p folder=/data/photos --cpus 4 --memory 16GiB
    """
    from gitstore.cli.render import states as render
    from gitstore.models.model import Model
    from gitstore.run import training
    from gitstore.run.supervisor import Observers
    from gitstore.run.values.inputs import Assignments

    model = Model.open(ctx.obj)
    with training_progress("train", show=show_progress) as (show_share, show_metric):
        observers = Observers(show_share, lambda metric: show_metric(metric.name, metric.value))
        result = training.train(
            model,
            Assignments(inputs, ctx.obj),
            conditions=run_with.find_conditions(ctx.obj),
            name=name,
            use=use,
            observers=observers,
        )
    render.show_result(result, "Trained", as_json=as_json)
    if use:
        output.print_message(f"The active state is {result.saved.name}")
