"""A group of commands that imports a command's module only when the command is run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose `modules` say which module below `gitstore.cli.commands` has which command.

    Those that are `unlisted` can be run, but are for programs: no help and no completion names them.
    """

    def __init__(
        self,
        *arguments: Any,
        modules: Mapping[str, str],
        unlisted: Mapping[str, str] = MappingProxyType({}),
        **attributes: Any,
    ) -> None:
        super().__init__(*arguments, **attributes)
        self._modules = modules
        self._unlisted = unlisted

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        name = self._modules.get(cmd_name) or self._unlisted.get(cmd_name)
        if name is None:
            return None
        module = importlib.import_module(f"gitstore.cli.commands.{name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], self._modules, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else f" See '{ctx.command_path} --help'."
            raise click.UsageError(f"{args[0]!r} is not a {ctx.command_path} command.{hint}", ctx) from error
