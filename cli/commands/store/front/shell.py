"""`gitstore store shell`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from gitstore.cli import failures, output
from gitstore.cli.commands.store import options
from gitstore.errors import GitstoreError

if TYPE_CHECKING:
    from gitstore.policy.limits import PushLimits
    from gitstore.store.front.shell import ServiceCall
    from gitstore.store.store import Store


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
    wanted = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    try:
        _run(ctx, options.open_store(ctx, root), name, wanted=wanted)
    except (GitstoreError, click.ClickException) as error:
        if not failures.wants_json(wanted.split()):
            raise
        ctx.exit(failures.report(failures.of_expected(error), as_json=True))


def _run(ctx: click.Context, store: Store, name: str, *, wanted: str) -> None:
    from gitstore.git import process as git
    from gitstore.store.access import User
    from gitstore.store.front.shell import ServiceCall, parse_command

    user = User(name)
    call = parse_command(store, wanted, user=user, inherited=os.environ)
    if isinstance(call, ServiceCall):
        if call.arguments[0] == "receive-pack":
            _receive(ctx, call, store.config.limits.to_push_limits({}))
        git.become(*call.arguments, environment=call.environment)
    options.become_user(ctx, user)
    group = click.Group(commands={call.verb: get_store_command(ctx, call.verb)})
    arguments = [call.verb, f"--store={store.root}", *call.arguments]
    with group.make_context("", arguments, parent=ctx, obj=ctx.obj) as inner:
        group.invoke(inner)


def _receive(ctx: click.Context, call: ServiceCall, limits: PushLimits) -> NoReturn:
    """Let git receive a push, which is stopped at the first byte that is too much. Ends the command."""
    from gitstore.store.front.stream import read_from, serve_push

    served = serve_push(
        *call.arguments,
        repository=call.repository,
        read=read_from(0),
        limits=limits,
        variables=call.environment,
    )
    if served.stopped is not None:
        output.print_message(f"error: {served.stopped.refusal}")
    ctx.exit(served.exit_code)


def get_store_command(ctx: click.Context, name: str) -> click.Command:
    """Return a command of the group that this one is in."""
    group = ctx.parent.command if ctx.parent is not None else None
    command = group.get_command(ctx, name) if isinstance(group, click.Group) else None
    if command is None:
        raise click.UsageError(f"this store has no command {name}")
    return command
