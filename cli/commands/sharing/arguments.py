"""The arguments `[REMOTE] [SNAPSHOT...]` that push and pull have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstore.cli.completion import candidates

if TYPE_CHECKING:
    from gitstore.git.repository import Repository

F = TypeVar("F", bound=Callable[..., Any])


def names_argument(function: F) -> F:
    """Add `[REMOTE] [SNAPSHOT...]`; `split` tells them apart."""
    return click.argument(
        "names", metavar="[REMOTE] [SNAPSHOT...]", nargs=-1, shell_complete=candidates.remotes
    )(function)


def states_option(help_text: str) -> Callable[[F], F]:
    """Add `--states [NAME]`, which can be repeated. Without a NAME it gives an empty text, for all states."""
    return click.option(
        "--states",
        metavar="[NAME]",
        is_flag=False,
        flag_value="",
        multiple=True,
        help=help_text,
        shell_complete=candidates.states,
    )


def split(
    repository: Repository, names: Sequence[str], directory: Path
) -> tuple[str | None, tuple[str, ...]]:
    """Return the name, URL or path of the remote, if the first name is one, and the names of snapshots."""
    from gitstore.transfer.remotes import is_remote
    from gitstore.url import is_url

    first = next(iter(names), "")
    is_place = is_remote(repository, first) or is_url(first) or "/" in first or (directory / first).is_dir()
    if first and is_place and "@" not in first.rpartition("/")[2]:
        return first, tuple(names[1:])
    return None, tuple(names)


def read_states(values: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Return the names that `--states` was given, and whether it was also given without one."""
    return tuple(filter(None, values)), "" in values
