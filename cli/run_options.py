"""The options of all commands that run a model's code: its packages, its sandbox, its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstore.cli import options

if TYPE_CHECKING:
    from gitstore.run.conditions import Conditions

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class RunOptions:
    """What a command line says of how a model's code runs. What it does not say is `None`, or empty.

    Sizes are in bytes.
    """

    cpus: float | None = None
    memory: int | None = None
    disk: int | None = None
    binds: tuple[Path, ...] = ()
    network: bool = False
    off: bool | None = None
    unlocked: bool = False

    def list_arguments(self, directory: Path) -> list[str]:
        """Return the arguments that give these options to a command. Paths are relative to `directory`."""
        values = {"--cpus": self.cpus, "--memory": self.memory, "--disk": self.disk}
        flags = {"--network": self.network, "--no-sandbox": self.off, "--no-lock": self.unlocked}
        return [
            *(part for name, value in values.items() if value is not None for part in (name, str(value))),
            *(part for path in self.binds for part in ("--bind", str(Path(directory, path).absolute()))),
            *(name for name, is_given in flags.items() if is_given),
        ]

    def refuse(self, ctx: click.Context, reason: str) -> None:
        """Raise `UsageError` if any of them was given. `reason` follows its name."""
        names = [argument for argument in self.list_arguments(ctx.obj) if argument.startswith("--")]
        if names:
            raise click.UsageError(f"{names[0]} {reason}", ctx)

    def find_conditions(self, directory: Path) -> Conditions:
        """Return the conditions of operations: these options, and what git's configuration says.

        Raises like `run.conditions.find_conditions`.
        """
        from gitstore.run.conditions import find_conditions
        from gitstore.sandbox.choice import Sandbox

        sandbox = Sandbox(
            off=self.off,
            binds=tuple(Path(directory, path).absolute() for path in self.binds),
            network=self.network,
            cpus=self.cpus,
            memory=self.memory,
            disk=self.disk,
        )
        return find_conditions(directory, sandbox, unlocked=self.unlocked)


def run_options(*, network: bool = False) -> Callable[[F], F]:
    """Add the options. All of them reach the command as one `run_with`.

    With `network`, the operation may be given one.
    """
    decorators = [
        options.no_lock_option,
        click.option(
            "--cpus", type=float, callback=_check_cpus, metavar="N", help="The cores to run on."
        ),
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
        decorators.append(click.option("--network", is_flag=True, help="Let the model use the network."))

    def decorate(function: F) -> F:
        function = _collecting(function)
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _collecting(function: F) -> F:
    """Return a function that passes the values of the options on as one `run_with`."""

    @wraps(function)
    def call(*arguments: Any, **values: Any) -> Any:
        given = {name: values.pop(name) for name in RunOptions.__dataclass_fields__ if name in values}
        chosen = RunOptions(**given)
        if chosen.off and (chosen.binds or chosen.network or chosen.cpus or chosen.memory or chosen.disk):
            raise click.UsageError(
                "--no-sandbox has no limits and hides nothing; leave the other options out"
            )
        return function(*arguments, run_with=chosen, **values)

    return call  # type: ignore[return-value]


def _check_cpus(ctx: click.Context, parameter: click.Parameter, cpus: float | None) -> float | None:
    from gitstore.sandbox.choice import MOST_CORES, SMALLEST_SHARE

    if cpus is not None and not SMALLEST_SHARE <= cpus <= MOST_CORES:  # nor NaN
        raise click.BadParameter(f"{cpus} is not from {SMALLEST_SHARE} to {MOST_CORES}", ctx, parameter)
    return cpus


def _parse_size(ctx: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Return the bytes of a size with a unit. Memory has a least size, as in settings.yaml."""
    from gitstore.sandbox.choice import SMALLEST_MEMORY
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
