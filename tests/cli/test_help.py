"""What holds for all commands: help on each option, JSON for what is printed, bars for what takes time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from gitstore.cli.commands import COMMANDS
from gitstore.cli.main import cli


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its name without `gitstore`."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


LEAVES = dict(leaves(cli))

WITHOUT_JSON = {
    "completion": "prints a script for a shell",
    "demo": "tells a story",
    "store meter": "prints lines of JSON always",
    "store keys": "prints lines of a file that sshd reads",
    "store shell": "is for sshd; it runs other commands",
    "store http-backend": "is for a web server; it speaks HTTP",
    "store worker": "works until it is stopped; store events list prints what became of it",
    "automation work": "is the same for a repository; automation events list prints what became of it",
    "hooks run": "is for git's hooks, which hear an exit code",
}

SLOW = {
    "diff", "evaluate", "export", "gc", "lock", "restore", "snapshot", "state create", "state export",
    "state import", "state path", "state rm", "state save", "store gc", "store verify", "train", "verify",
}  # fmt: skip
"""What reads or writes weights, runs a model's code, or asks a network."""


def options(command: click.Command) -> set[str]:
    return {option for each in command.params if isinstance(each, click.Option) for option in each.opts}


def test_what_is_printed_can_be_had_as_json() -> None:
    without = {name for name, command in LEAVES.items() if "--json" not in options(command)}
    assert without == WITHOUT_JSON.keys()


def test_what_takes_time_shows_progress() -> None:
    assert [name for name in SLOW if "--progress" not in options(LEAVES[name])] == []


def test_every_option_has_help() -> None:
    assert [
        f"{name} {parameter.name}"
        for name, command in LEAVES.items()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        and not re.fullmatch(r"[A-Z].*\.(  \[.*\])?", parameter.help or "")
    ] == []


def test_every_help_begins_with_a_sentence_and_has_examples_that_are_meant() -> None:
    for name in {*LEAVES, *COMMANDS}:
        command = LEAVES.get(name) or cli.get_command(click.Context(cli), name)
        assert command is not None, name
        text = cleandoc(command.help or "")
        assert re.match(r"[A-Z][^\n]*[.,:]", text), name
        block = re.search(r"\x08\nExamples?:\n((?: +.*\n?)+)", text)
        assert block is not None, name
        lines = block[1].splitlines()
        assert any(re.search(rf"gitstore (-C \S+ )?{name}\b", line) for line in lines), name
