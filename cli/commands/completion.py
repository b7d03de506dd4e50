"""`gitstore completion`."""

from __future__ import annotations

import click

from gitstore.cli import output
from gitstore.cli.completion import shells


@click.command()
@click.argument("shell", type=click.Choice(shells.SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a completion script for a shell. It completes commands, options, snapshots, states and
    inputs.

    bash must be 4.4 or newer. `git gitstore` is also completed if git's own completion is loaded.

    \b
    Examples:
      echo 'eval "$(gitstore completion bash)"' >> ~/.bashrc
      echo 'eval "$(gitstore completion zsh)"' >> ~/.zshrc     # after compinit
      gitstore completion fish > ~/.config/fish/completions/gitstore.fish
    """
    output.print_data(shells.script(ctx.find_root().command, shell).rstrip("\n"))
