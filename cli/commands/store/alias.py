"""`gitstore store alias`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import output
from gitstore.cli.commands.snapshots.alias import message_option, parse_time
from gitstore.cli.commands.store import options
from gitstore.cli.completion import candidates
from gitstore.cli.render.records import aliases as render

if TYPE_CHECKING:
    from gitstore.store.aliases.move import MovedAlias
    from gitstore.store.names import ModelName
    from gitstore.store.store import Store

model_argument = click.argument("name", metavar="OWNER/MODEL", shell_complete=candidates.store_models)
alias_argument = click.argument("alias", metavar="ALIAS")


@click.group()
@options.store_option
@click.pass_context
def command(ctx: click.Context, *, root: Path | None) -> None:
    """Show, move and remove the aliases of models in a store.

    Whoever may read a model sees its aliases, and whoever may write it moves them. A protected alias takes
    the role that store.yaml names, and a snapshot that meets its gate. Admins remove aliases.

    \b
    Examples:
      gitstore store alias set ada/digits production v3 -m "fewer errors"
      gitstore store alias --store /srv/models log ada/digits production
      ssh git@models.example.org alias rollback ada/digits production
    """
    ctx.meta[__name__] = root


def _open_store(ctx: click.Context) -> Store:
    return options.open_store(ctx, ctx.meta[__name__])


@command.command("set")
@model_argument
@alias_argument
@click.argument("snapshot", shell_complete=candidates.store_snapshots)
@message_option()
@output.json_option
@click.pass_context
def set_(
    ctx: click.Context, name: str, alias: str, snapshot: str, *, message: str | None, as_json: bool
) -> None:
    """Give SNAPSHOT the alias ALIAS, which another snapshot may have had until now.

    \b
    Examples:
      gitstore store alias set ada/digits production v3 -m "fewer errors"
    """
    from gitstore.store.aliases.move import set_alias

    store, user = _open_store(ctx), options.find_user()
    moved = set_alias(
        store, _parse(name), alias, snapshot=snapshot, user=user, message=message, now=options.read_clock()
    )
    _show_moved(moved, as_json=as_json)


@command.command()
@model_argument
@alias_argument
@message_option("Why the last move is taken back.")
@output.json_option
@click.pass_context
def rollback(ctx: click.Context, name: str, alias: str, *, message: str | None, as_json: bool) -> None:
    """Take the last move of ALIAS back: the snapshot that had it before gets it again.

    \b
    Examples:
      gitstore store alias rollback ada/digits production -m "v3 is slow"
    """
    from gitstore.store.aliases.move import roll_back

    store, user = _open_store(ctx), options.find_user()
    moved = roll_back(store, _parse(name), alias, user=user, message=message, now=options.read_clock())
    _show_moved(moved, as_json=as_json)


@command.command("list")
@model_argument
@output.json_option
@click.pass_context
def list_(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """List the aliases of a model, each with the snapshot that has it, since when and why.

    \b
    Examples:
      gitstore store alias list ada/digits
    """
    from gitstore.models import alias as aliases
    from gitstore.store.aliases.move import open_model

    model = open_model(_open_store(ctx), _parse(name), user=options.find_user())
    listed = aliases.list_all_aliases(model.repository)
    if as_json:
        output.print_json([render.to_json(model.repository, alias) for alias in listed])
    else:
        render.show_list(model.repository, listed, all_models=True)


@command.command()
@model_argument
@alias_argument
@click.option("--at", metavar="TIME", help="Show what it was at that time, such as 2026-11-03.")
@output.json_option
@click.pass_context
def show(ctx: click.Context, name: str, alias: str, *, at: str | None, as_json: bool) -> None:
    """Show which snapshot has the alias ALIAS, since when, who moved it there, and why.

    \b
    Examples:
      gitstore store alias show ada/digits production --at 2026-11-03
    """
    from gitstore.models import alias as aliases
    from gitstore.store.aliases.move import open_model

    model = open_model(_open_store(ctx), _parse(name), user=options.find_user())
    found = aliases.get_alias(model, alias)
    if at is not None:
        found = aliases.find_at(model.repository, found, parse_time(at))
    render.show_alias(model.repository, found, as_json=as_json)


@command.command()
@model_argument
@alias_argument
@output.json_option
@click.pass_context
def log(ctx: click.Context, name: str, alias: str, *, as_json: bool) -> None:
    """Show the moves of the alias ALIAS, the last one first.

    \b
    Examples:
      gitstore store alias log ada/digits production
    """
    from gitstore.models import alias as aliases
    from gitstore.store.aliases.move import open_model

    model = open_model(_open_store(ctx), _parse(name), user=options.find_user())
    moves = list(aliases.list_moves(model.repository, aliases.get_alias(model, alias)))
    if as_json:
        output.print_json([render.move_json(move) for move in moves])
    else:
        render.show_moves(moves)


@command.command()
@model_argument
@alias_argument
@output.json_option
@click.pass_context
def rm(ctx: click.Context, name: str, alias: str, *, as_json: bool) -> None:
    """Remove the alias ALIAS with its history. The snapshot stays. Needs the role admin for the model.

    \b
    Examples:
      gitstore store alias rm ada/digits staging
      ssh git@models.example.org alias rm ada/digits staging
    """
    from gitstore.store.aliases.move import remove_alias

    store, user = _open_store(ctx), options.find_user()
    removed = remove_alias(store, _parse(name), alias, user=user, now=options.read_clock())
    git = f"git --git-dir={shlex.quote(str(removed.repository.common))}" if user.is_operator else None
    render.show_removed(removed.repository, removed.alias, restore_with=git, as_json=as_json)


def _parse(name: str) -> ModelName:
    from gitstore.store.names import parse_model_name

    return parse_model_name(name)


def _show_moved(moved: MovedAlias, *, as_json: bool) -> None:
    render.show_moved(moved.repository, moved.alias, moved.before, as_json=as_json)
