"""`events list`, `show` and `redeliver`, of a local repository and of a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gitstore.cli import output
from gitstore.cli.render.records import events as render

if TYPE_CHECKING:
    from gitstore.automation.place import Place

STATES = ("waiting", "delivered", "failed", "dropped")


FindPlace = Callable[..., "Place"]
"""Finds the place from the context, and from the values of the options that say which one is meant."""


def make_group(find_place: FindPlace, name: str, *more: click.Parameter) -> click.Group:
    """Make the group of commands for the place that `find_place` finds.

    `name` is how the group is called in examples, such as `gitstore automation events`. `more` are options
    that each command has, and whose values `find_place` gets.
    """
    group = click.Group(help=_HELP.replace("NAME", name))
    for make in (_make_list, _make_show, _make_redeliver):
        member = make(find_place)
        member.help = (member.help or "").replace("NAME", name)
        member.params[-1:-1] = more
        group.add_command(member)
    return group


_HELP = """Show the events that were recorded, and what was done because of them.

    \b
    Examples:
      NAME list
      NAME show 3f2a
      NAME redeliver 3f2a
    """


def _make_list(find_place: FindPlace) -> click.Command:
    @click.command("list")
    @click.option("-n", "--limit", type=click.IntRange(1), default=100, help="At most so many, the latest.")
    @click.option("--state", type=click.Choice(STATES), help="Those with a delivery in this state.")
    @output.json_option
    @click.pass_context
    def list_(ctx: click.Context, /, *, limit: int, state: str | None, as_json: bool, **place: Any) -> None:
        """List the latest events, the oldest first, with the states of their deliveries.

        \b
        Examples:
          NAME list
          NAME list --state failed --json
        """
        from gitstore.outbox import listing

        with find_place(ctx, **place).open() as connection:
            found = listing.list_events(connection, most=limit, state=state)
        render.show_events(found, as_json=as_json)

    return list_


def _make_show(find_place: FindPlace) -> click.Command:
    @click.command()
    @click.argument("event_id", metavar="ID")
    @output.json_option
    @click.pass_context
    def show(ctx: click.Context, /, event_id: str, *, as_json: bool, **place: Any) -> None:
        """Show the event whose id begins with ID, and each attempt to deliver it.

        \b
        Examples:
          NAME show 3f2a
        """
        from gitstore.outbox import listing

        with find_place(ctx, **place).open() as connection:
            found = listing.find_event(connection, event_id)
        render.show_event(found, as_json=as_json)

    return show


def _make_redeliver(find_place: FindPlace) -> click.Command:
    @click.command()
    @click.argument("event_id", metavar="ID")
    @click.option("--rule", metavar="NAME", help="Only for this rule; for all that it was for by default.")
    @output.json_option
    @click.pass_context
    def redeliver(
        ctx: click.Context, /, event_id: str, *, rule: str | None, as_json: bool, **place: Any
    ) -> None:
        """Queue the deliveries of an event again, whether they failed or not.

        \b
        Examples:
          NAME redeliver 3f2a
          NAME redeliver 3f2a --rule tell-ci
        """
        from gitstore.automation.redeliver import redeliver_event

        with find_place(ctx, **place).open() as connection:
            found = redeliver_event(connection, event_id, rule=rule)
        render.show_event(found, as_json=as_json)

    return redeliver
