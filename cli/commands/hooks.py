"""`gitstore hooks`: the user's hooks, and the guard that keeps stock git from changing snapshots."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.render import hooks as render


@click.group()
def command() -> None:
    """Manage hooks and protect snapshots. Hooks are your own programs in git's hooks directory; gitstore
    runs them before and after its operations.

    pre-snapshot and pre-rm can refuse the operation. post-snapshot, post-state, post-train, post-evaluate
    and post-derive run afterwards. Each gets JSON on standard input; docs/hooks.md describes it.

    gitstore hooks install also keeps stock git from moving or removing a snapshot.

    \b
    Examples:
      gitstore hooks install
      gitstore hooks list
      gitstore hooks run post-snapshot
    """


@command.command()
@output.json_option
@click.pass_context
def install(ctx: click.Context, *, as_json: bool) -> None:
    """Protect snapshots from stock git: git tag -f, git tag -d, git fetch --prune-tags then fail.

    Your own hooks still run. If core.hooksPath is outside the repository, nothing is written there: git
    gets another directory, whose hooks also run those of the first. Run this command again after Python or
    the repository has moved.

    \b
    Examples:
      gitstore hooks install
      gitstore -C digits hooks install --json
    """
    from gitstore.git.repository import Repository
    from gitstore.hooks import install as installation

    render.show_installed(installation.install(Repository.discover(ctx.obj)), as_json=as_json)


@command.command()
@output.json_option
@click.pass_context
def uninstall(ctx: click.Context, *, as_json: bool) -> None:
    """Remove what install added, and restore hooks and configuration.

    A file that was changed since then is kept, and the exit code is 1.

    \b
    Example:
      gitstore hooks uninstall
    """
    from gitstore.git.repository import Repository
    from gitstore.hooks import install as installation

    uninstalled = installation.uninstall(Repository.discover(ctx.obj))
    render.show_uninstalled(uninstalled, as_json=as_json)
    if uninstalled.remaining:
        ctx.exit(1)


@command.command("list")
@output.json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the hooks of git and gitstore: who wrote each, whether it runs, and where it is.

    \b
    Examples:
      gitstore hooks list
      gitstore hooks list --json
    """
    from gitstore.git.repository import Repository
    from gitstore.hooks import listing

    render.show_list(listing.list_hooks(Repository.discover(ctx.obj)), as_json=as_json)


@command.command()
@click.argument("name")
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="The hook's input: FILE, or - for standard input; an example by default.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Only print the hook's input.")
@click.pass_context
def run(ctx: click.Context, name: str, source: Path | None, *, dry_run: bool) -> None:
    """Run the gitstore hook NAME by hand, with an example made from the last snapshot.

    Only the hook runs; gitstore itself does nothing. The git hook reference-transaction that gitstore
    installs also runs this command, with its own name and the input that git gives it.

    \b
    Examples:
      gitstore hooks run post-snapshot
      gitstore hooks run post-train --dry-run
      gitstore hooks run pre-snapshot --input event.json
    """
    from gitstore.hooks.names import GUARD

    if name == GUARD:
        _guard(ctx)
        return
    from gitstore.hooks.run import run_hook
    from gitstore.hooks.sample import encode_sample
    from gitstore.models.model import Model

    model = Model.open(ctx.obj)
    content = encode_sample(model, name) if source is None else _read(ctx, source)
    if dry_run:
        output.print_data(content.decode().rstrip("\n"))
    else:
        run_hook(model, name, content)


def _guard(ctx: click.Context) -> None:
    """Let a transaction of git pass, or fail. -C is the hook's, and not where the person is."""
    output.set_directory(None)
    from gitstore.git.repository import Repository
    from gitstore.hooks import guard

    guard.check(Repository.discover(ctx.obj), sys.stdin.read().splitlines())


def _read(ctx: click.Context, source: Path) -> bytes:
    return sys.stdin.buffer.read() if str(source) == "-" else Path(ctx.obj, source).read_bytes()
