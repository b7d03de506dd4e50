"""`gitstore store`: a group whose commands have a module each."""

from __future__ import annotations

import click

from gitstore.cli.commands import STORE_COMMANDS, STORE_HOOKS
from gitstore.cli.commands.lazy_group import LazyGroup


@click.group(cls=LazyGroup, modules=STORE_COMMANDS, unlisted=STORE_HOOKS)
def command() -> None:
    """Run a store: a directory of bare repositories whose hooks decide what a push may bring.

    A command acts on the store that the current directory is in; --store ROOT or the environment variable
    GITSTORE_STORE names another. Whoever runs these commands has the files, and may do everything.
    docs/store.md describes how others get in, with ssh or a web server.

    \b
    Examples:
      gitstore store init /srv/models
      gitstore store create ada/digits --store /srv/models
      gitstore push /srv/models/ada/digits.git
      gitstore store list --store /srv/models
    """
