"""What the commands of a store have in common: which store, which user, and what time it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gitstore.store.access import User
    from gitstore.store.store import Store

F = TypeVar("F", bound=Callable[..., Any])

USER = "GITSTORE_USER"
"""The environment variable with the name of the user whom ssh or a web server has let in."""


def store_option(function: F) -> F:
    """Add --store ROOT; `open_store` reads it."""
    return click.option(
        "--store",
        "root",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="GITSTORE_STORE",
        metavar="ROOT",
        help="The store; the default is GITSTORE_STORE, or the one that the current directory is in.",
    )(function)


def open_store(ctx: click.Context, root: Path | None) -> Store:
    """Open the store that was named, or the one that the current directory is in. Raises `NotAStore`."""
    from gitstore.store.store import Store

    directory: Path = ctx.obj
    return Store.discover(directory) if root is None else Store.open(directory / root)


def find_user() -> User:
    """Return who runs this command: whom ssh or a web server has let in, or the operator."""
    from gitstore.store.access import OPERATOR, User

    ctx = click.get_current_context(silent=True)
    if ctx is not None and USER in ctx.meta:
        user: User = ctx.meta[USER]
        return user
    if USER in os.environ:
        return User(os.environ[USER])
    if "GATEWAY_INTERFACE" in os.environ:
        return User(os.environ.get("REMOTE_USER", ""))
    return OPERATOR


def become_user(ctx: click.Context, user: User) -> None:
    """Let the commands that this one starts be those of a user."""
    ctx.meta[USER] = user


def find_web_user() -> User:
    """Return whom a web server has let in; nobody known without REMOTE_USER."""
    from gitstore.store.access import User

    return User(os.environ.get("REMOTE_USER", ""))


def read_clock() -> int:
    """Return the time in microseconds since 1970, UTC, as the ledger has it."""
    return time.time_ns() // 1000
