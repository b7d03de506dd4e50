"""`gitstore alias`: names that move from snapshot to snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstore.cli import output, pager
from gitstore.cli.completion import candidates
from gitstore.cli.render.records import aliases as render

if TYPE_CHECKING:
    from gitstore.aliases.requirements import Requirement

F = TypeVar("F", bound=Callable[..., Any])

name_argument = click.argument("name", metavar="NAME", shell_complete=candidates.aliases)


def message_option(help_text: str = "Why the alias moves.") -> Callable[[F], F]:
    """Add -m, as git commit has it."""
    return click.option("-m", "--message", metavar="WHY", help=help_text)


@click.group()
def command() -> None:
    """Manage aliases: names such as production, which move from snapshot to snapshot of the model.

    Every command that takes a snapshot also takes an alias. Each move is recorded with who made it, when
    and why; git log refs/aliases/production shows the same as gitstore alias log production.

    \b
    Examples:
      gitstore alias set production v3 -m "0.4 % fewer errors on the September data"
      gitstore evaluate production -p images=@test.npy
      gitstore alias rollback production -m "v3 is slow on ARM"
    """


@command.command("set")
@name_argument
@click.argument("reference", metavar="REF", shell_complete=candidates.snapshots)
@message_option()
@click.option(
    "--require",
    "requirements",
    multiple=True,
    metavar="RULE",
    help='What must be recorded of the snapshot, such as "bench.accuracy >= 0.9", "bench.accuracy >='
    ' current", "metric:loss < 0.2", or the name of an evaluation. Can be repeated.',
)
@output.json_option
@click.pass_context
def set_(
    ctx: click.Context,
    name: str,
    reference: str,
    *,
    message: str | None,
    requirements: tuple[str, ...],
    as_json: bool,
) -> None:
    """Give the snapshot REF the alias NAME, which another snapshot may have had until now.

    With --require, the alias moves only if each rule holds. A rule is about an output of a recorded
    evaluation, or about the last value of a metric of the training. `current` is the snapshot that has the
    alias now. What the rules found is recorded with the move.

    \b
    Examples:
      gitstore alias set production v3 -m "0.4 % fewer errors"
      gitstore alias set staging v4 --require bench --require "bench.accuracy >= current - 0.01"
    """
    from gitstore.aliases.gate import check_requirements
    from gitstore.aliases.move import set_alias
    from gitstore.aliases.write_move import Reason
    from gitstore.models import alias as aliases
    from gitstore.models import reference as references
    from gitstore.models.model import Model

    model, parsed = Model.identify(ctx.obj), _parse_requirements(requirements)
    snapshot = references.resolve(reference, ctx.obj)
    before = aliases.find_alias(model, name)
    required, evaluations = check_requirements(model, name, snapshot, requirements=parsed)
    moved = set_alias(model, name, snapshot, reason=Reason(message, required, evaluations))
    render.show_moved(model.repository, moved, before, as_json=as_json)


@command.command("list")
@click.option("--all", "all_models", is_flag=True, help="List the aliases of all models.")
@output.json_option
@click.pass_context
def list_(ctx: click.Context, *, all_models: bool, as_json: bool) -> None:
    """List the model's aliases, each with the snapshot that has it, since when and why.

    \b
    Examples:
      gitstore alias list
      gitstore alias list --all --json
    """
    from gitstore.models import alias as aliases
    from gitstore.models.model import Model

    model = Model.identify(ctx.obj)
    listed = aliases.list_all_aliases(model.repository) if all_models else aliases.list_aliases(model)
    if as_json:
        output.print_json([render.to_json(model.repository, alias) for alias in listed])
    elif listed:
        render.show_list(model.repository, listed, all_models=all_models)
    else:
        output.print_message(
            output.add_directory("no aliases yet; gitstore alias set NAME SNAPSHOT makes one")
        )


@command.command()
@name_argument
@click.option(
    "--at",
    metavar="TIME",
    help="Show what it was at that time, such as 2026-11-03 (the end of that day) or 2026-11-03T12:00.",
)
@output.json_option
@click.pass_context
def show(ctx: click.Context, name: str, *, at: str | None, as_json: bool) -> None:
    """Show which snapshot has the alias NAME, since when, who moved it there, and why.

    \b
    Examples:
      gitstore alias show production
      gitstore alias show production --at 2026-11-03
    """
    from gitstore.models import alias as aliases
    from gitstore.models.model import Model

    model = Model.identify(ctx.obj)
    alias = aliases.get_alias(model, name)
    if at is not None:
        alias = aliases.find_at(model.repository, alias, parse_time(at))
    render.show_alias(model.repository, alias, as_json=as_json)


@command.command()
@name_argument
@output.json_option
@click.pass_context
def log(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Show the moves of the alias NAME, the last one first.

    \b
    Examples:
      gitstore alias log production
      gitstore alias log production --json
    """
    from gitstore.models import alias as aliases
    from gitstore.models.model import Model

    model = Model.identify(ctx.obj)
    moves = list(aliases.list_moves(model.repository, aliases.get_alias(model, name)))
    if as_json:
        output.print_json([render.move_json(move) for move in moves])
        return
    pager.choose_colour(ctx.obj)
    with pager.paged(ctx.obj):
        render.show_moves(moves)


@command.command()
@name_argument
@message_option("Why the last move is taken back.")
@output.json_option
@click.pass_context
def rollback(ctx: click.Context, name: str, *, message: str | None, as_json: bool) -> None:
    """Take the last move of the alias NAME back: the snapshot that had it before gets it again.

    That is a move of its own, and stays in the history. Again, it takes back the move before that one.
    Requirements are not checked: the snapshot has had the alias already.

    \b
    Examples:
      gitstore alias rollback production
      gitstore alias rollback production -m "v3 is slow on ARM"
    """
    from gitstore.aliases.move import roll_back
    from gitstore.aliases.write_move import Reason
    from gitstore.models import alias as aliases
    from gitstore.models.model import Model

    model = Model.identify(ctx.obj)
    before = aliases.get_alias(model, name)
    moved = roll_back(model, name, Reason(message))
    render.show_moved(model.repository, moved, before, as_json=as_json)


@command.command()
@name_argument
@output.json_option
@click.pass_context
def rm(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Remove the alias NAME with its history. The snapshot stays.

    \b
    Examples:
      gitstore alias rm staging
    """
    from gitstore.aliases.move import remove_alias
    from gitstore.models.model import Model

    model = Model.identify(ctx.obj)
    removed = remove_alias(model, name)
    render.show_removed(model.repository, removed, restore_with="git", as_json=as_json)


def _parse_requirements(texts: tuple[str, ...]) -> list[Requirement]:
    from gitstore.aliases import requirements

    parsed = []
    for text in texts:
        try:
            parsed.append(requirements.parse(text))
        except ValueError as error:
            raise click.BadParameter(f"{text!r} {error}", param_hint="--require") from error
    return parsed


def parse_time(text: str) -> datetime:
    """Parse a time in ISO 8601. A day is its end, and without an offset it is local time."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no time; write one like 2026-11-03 or 2026-11-03T12:00+01:00", param_hint="--at"
        ) from error
    if len(text) <= len("2026-11-03"):
        time += timedelta(days=1) - timedelta(seconds=1)
    return time.astimezone()
