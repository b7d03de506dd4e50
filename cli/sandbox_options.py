"""The options about the sandbox and the limits of an operation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gitstore.sandbox.choice import Sandbox

F = TypeVar("F", bound=Callable[..., Any])

SMALLEST_MEMORY = 128 << 20


def _parse_size(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Return the bytes of a size with a unit. Memory has a least size, as in settings.yaml."""
    from gitstore.units import format_size, parse_size

    if text is None:
        return None
    try:
        size = parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error
    least = SMALLEST_MEMORY if parameter.name == "memory" else 1
    if size < least:
        raise click.BadParameter(f"{text} is less than {format_size(least)}", ctx, parameter)
    return size


def sandbox_options(*, network: bool) -> Callable[[F], F]:
    """Add what users choose about the sandbox. All of it reaches the command as one `sandbox`.

    With `network`, the operation may be given one.
    """
    options = [
        click.option("--cpus", type=click.FloatRange(min=0.125), metavar="N", help="The cores to run on."),
        click.option("--memory", callback=_parse_size, metavar="SIZE", help="Main memory, like 4GiB."),
        click.option("--disk", callback=_parse_size, metavar="SIZE", help="Scratch disk, like 1GiB."),
        click.option(
            "--bind", "binds", multiple=True, type=click.Path(path_type=Path), metavar="DIR",
            help="A directory that the model may read, at its own path. Can be repeated.",
        ),
        click.option(
            "--no-sandbox", "off", is_flag=True, default=None,
            help="Run the model's code with your own rights, and no limits but those of time.",
        ),
    ]  # fmt: skip
    if network:
        options.append(click.option("--network", is_flag=True, help="Let the model use the network."))

    def decorate(function: F) -> F:
        function = _collecting(function)
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _collecting(function: F) -> F:
    """Return a function that passes the values of the options on as one `sandbox`."""
    from functools import wraps

    @wraps(function)
    def call(*arguments: Any, **values: Any) -> Any:
        chosen = {name: values.pop(name) for name in _NAMES if name in values}
        return function(*arguments, sandbox=_choose(**chosen), **values)

    return call  # type: ignore[return-value]


_NAMES = ("cpus", "memory", "disk", "binds", "off", "network")


def _choose(*, binds: tuple[Path, ...], off: bool | None, **values: Any) -> Sandbox:
    from gitstore.sandbox.choice import Sandbox
    from gitstore.sandbox.view import check_bind

    if off and (binds or any(values.values())):
        raise click.UsageError("--no-sandbox has no limits and hides nothing; leave the other options out")
    return Sandbox(off=off, binds=tuple(map(check_bind, binds)), **values)
