"""`gitstore detach`."""

from __future__ import annotations

import click

from gitstore.cli import output


@click.command()
@output.json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Make a derived model's code its own: to edit, commit and take snapshots of.

    One commit on the model's branch says so in its settings, which go on to tell what it came from.
    Its name, states and snapshots stay as they are. There is no way back but a new derived model.

    If the command is interrupted, the same again finishes it.

    \b
    Examples:
      gitstore detach
      gitstore -C ../dogs detach --json
    """
    from gitstore.derive import detach
    from gitstore.models.model import Model

    done = detach.detach(Model.open(ctx.obj))
    base = done.base.full_name
    if as_json:
        commit = str(done.commit) if done.commit is not None else None
        output.data_json({"name": done.model.name, "base": base, "commit": commit})
    elif done.commit is None:
        output.message(f"{done.model.name} is detached already")
    else:
        output.message(f"Detached {done.model.name} from {base}: its code is its own now")
