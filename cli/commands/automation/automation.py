"""`gitstore automation`: what happens because of events in a local repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstore.cli import output
from gitstore.cli.commands.automation import events
from gitstore.cli.commands.automation.working import run_worker
from gitstore.cli.render.records import events as render

if TYPE_CHECKING:
    from gitstore.automation.place import LocalPlace


@click.group()
def command() -> None:
    """Let events in this repository evaluate snapshots, move aliases, call webhooks and run programs.

    The rules are in .git/automation.yaml; docs/automation.md explains them. Commands record what happens;
    gitstore automation work does what the rules say.

    \b
    Examples:
      gitstore automation check
      gitstore automation work --once
      gitstore automation events list
    """


@command.command()
@output.json_option
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Check the rules, and begin to record events.

    What has happened before is not recorded.

    \b
    Examples:
      gitstore automation check
    """
    from gitstore.automation import config
    from gitstore.events import journal

    place = find_place(ctx)
    rules = place.read_rules()
    journal.create(place.repository)
    render.show_rules(rules, config.find_path(place.repository), as_json=as_json)


@command.command()
@click.option("--once", is_flag=True, help="Do what is due now, then end; for cron.")
@click.pass_context
def work(ctx: click.Context, *, once: bool) -> None:
    """Do what the rules say for the events that were recorded, until it is interrupted.

    What fails is tried again, later each time. Several may run at once.

    \b
    Examples:
      gitstore automation work
      gitstore automation work --once
    """
    run_worker(find_place(ctx), once=once)


def find_place(ctx: click.Context) -> LocalPlace:
    """Return the repository of the current directory as a place."""
    from gitstore.automation.place import LocalPlace
    from gitstore.models.model import Model

    return LocalPlace(Model.identify(ctx.obj).repository)


command.add_command(events.make_group(find_place, "gitstore automation events"), "events")
