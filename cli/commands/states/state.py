"""`gitstore state`: the model's named states, and which is active."""

from __future__ import annotations

import click

from gitstore.cli import options, output, totals
from gitstore.cli.commands.states import state_files, state_records
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress, waiting
from gitstore.cli.render import states as render
from gitstore.cli.run_options import RunOptions, run_options


@click.group()
def command() -> None:
    """Manage the model's states. One of them is active.

    \b
    Examples:
      gitstore state list
      gitstore state save
      gitstore state use trained-1
      gitstore state create -p seed=7
      gitstore state import ../weights.safetensors --name pretrained
    """


for _subcommand in (*state_records.COMMANDS, *state_files.COMMANDS):
    command.add_command(_subcommand)


@command.command("list")
@output.json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the states. The active state has a star. Shows the size of each, and where it is.

    \b
    Example:
      gitstore state list --json
    """
    from gitstore.models import state
    from gitstore.models.model import Model

    render.show_list(list(state.list_states(Model.identify(ctx.obj))), as_json=as_json)


@command.command()
@click.argument("name", required=False, shell_complete=candidates.states)
@options.pointers_option
@options.progress_option
@output.json_option
@click.pass_context
def save(
    ctx: click.Context, name: str | None, *, force: bool, show_progress: bool | None, as_json: bool
) -> None:
    """Save a state as it is on disk, by default the active one.

    \b
    Examples:
      gitstore state save
      gitstore state save fine-tuned
    """
    from gitstore.models.model import Model
    from gitstore.states.save import save_state

    model = Model.open(ctx.obj)
    name = name or model.active_state
    with byte_progress(f"save {name}", totals.on_disk(model, name), show=show_progress) as progress:
        saved = save_state(model, name, allow_pointers=force, progress=progress)
    render.show_saved(saved, as_json=as_json)


@command.command()
@click.argument("name", shell_complete=candidates.states)
@output.json_option
@click.pass_context
def use(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Make a state the active one, whether it is saved or only on disk. No file is changed.

    The choice is local to this repository: clone, fetch and push do not transfer it.

    \b
    Example:
      gitstore state use trained-1
    """
    from gitstore.models.model import Model
    from gitstore.states.use import use_state

    use_state(Model.open(ctx.obj), name)
    render.show_active(name, as_json=as_json)


@command.command()
@click.argument("name", required=False, shell_complete=candidates.states)
@options.progress_option
@output.json_option
@click.pass_context
def path(ctx: click.Context, name: str | None, *, show_progress: bool | None, as_json: bool) -> None:
    """Print the directory of a state, by default the active one. Write its files first if they are not
    on disk.

    \b
    Example:
      ls -l "$(gitstore state path trained-1)"
    """
    from gitstore.models.model import Model
    from gitstore.states.materialize import materialize

    model = Model.open(ctx.obj)
    name = name or model.active_state
    with byte_progress(f"write {name}", totals.saved(model, name), show=show_progress) as progress:
        directory = materialize(model, name, progress=progress)
    render.show_path(name, directory, as_json=as_json)


@command.command()
@click.argument("name", required=False)
@options.input_option
@run_options()
@options.progress_option
@output.json_option
@click.pass_context
def create(
    ctx: click.Context,
    name: str | None,
    inputs: tuple[str, ...],
    *,
    run_with: RunOptions,
    show_progress: bool | None,
    as_json: bool,
) -> None:
    """Let the model's code create the state NAME; by default the active state, if it does not exist yet.

    The model runs in a sandbox, as for evaluate.

    \b
    Examples:
      gitstore state create -p seed=7
      gitstore state create large -p layers=96 --memory 8GiB
      gitstore state create wide -p layers=@layers.json
    """
    from gitstore.models.model import Model
    from gitstore.run import creation
    from gitstore.run.values.inputs import Assignments

    with waiting("create state", show=show_progress):
        model, conditions = Model.open(ctx.obj), run_with.find_conditions(ctx.obj)
        result = creation.create_state(model, Assignments(inputs, ctx.obj), conditions=conditions, name=name)
    render.show_result(result, "Created", as_json=as_json)
