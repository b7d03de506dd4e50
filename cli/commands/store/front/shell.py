"""`gitstore store shell`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gitstore.cli.commands.store import options


@click.command()
@click.argument("name", metavar="USER")
@options.store_option
@click.pass_context
def command(ctx: click.Context, name: str, *, root: Path | None) -> None:
    """Run what USER asks for over ssh: git's services, create, derive, list, show, usage, rm and alias.

    sshd runs this command, see gitstore store keys. What the user wants to run is in SSH_ORIGINAL_COMMAND.
    Nothing else can be run, and only what the user's roles in store.yaml allow.

    \b
    Examples:
      SSH_ORIGINAL_COMMAND='list --json' gitstore store shell ada --store /srv/models
    """
    from gitstore.git import process as git
    from gitstore.store.access import User
    from gitstore.store.front.shell import ServiceCall, parse_command

    store, user = options.open_store(ctx, root), User(name)
    wanted = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    call = parse_command(store, wanted, user=user, inherited=os.environ)
    if isinstance(call, ServiceCall):
        git.become(*call.arguments, environment=call.environment)
    options.become_user(ctx, user)
    group = click.Group(commands={call.verb: get_store_command(ctx, call.verb)})
    arguments = [call.verb, f"--store={store.root}", *call.arguments]
    with group.make_context("", arguments, parent=ctx, obj=ctx.obj) as inner:
        group.invoke(inner)


def get_store_command(ctx: click.Context, name: str) -> click.Command:
    """Return a command of the group that this one is in."""
    group = ctx.parent.command if ctx.parent is not None else None
    command = group.get_command(ctx, name) if isinstance(group, click.Group) else None
    if command is None:
        raise click.UsageError(f"this store has no command {name}")
    return command
