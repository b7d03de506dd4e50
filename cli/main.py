"""The entry point: the group of commands, and the border where errors become messages and exit codes."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from gitstore import __version__
from gitstore.cli import output
from gitstore.errors import GitstoreError, ModelException

# In the order of a model's life, which is the order of --help.
COMMANDS = {
    "init": "init",
    "settings": "settings",
    "lock": "lock",
    "state": "state",
    "train": "train",
    "snapshot": "snapshot",
    "list": "list_",
    "show": "show",
    "diff": "diff",
    "evaluate": "evaluate",
    "verify": "verify",
    "export": "export",
    "restore": "restore",
    "rename": "rename",
    "rm": "rm",
    "derive": "derive",
    "rebase": "rebase",
    "detach": "detach",
    "models": "models",
    "log": "log",
    "usage": "usage",
    "gc": "gc",
    "hooks": "hooks",
    "demo": "demo",
    "completion": "completion",
}

INTERRUPTED = 130
BUG = 255
BROKEN_PIPE = 141

COMPLETING = "_GITSTORE_COMPLETE"
"""Set by a shell that wants to know what could come next; see `completion`."""

# What git sets for its hooks and aliases. -C and the current directory say which repository is
# meant; these would silently point our git processes at another one.
GIT_LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


class ReaderGone(Exception):
    """Nobody reads our output any more. Not a BrokenPipeError, which click would make exit code 1 of."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is asked for."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gitstore.cli.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else " See 'gitstore --help'."
            raise click.UsageError(f"{args[0]!r} is not a gitstore command.{hint}", ctx) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gitstore %(version)s")
@click.option(
    "-C",
    "directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Act as if started in DIR.",
)
@click.pass_context
def cli(ctx: click.Context, directory: Path | None) -> None:
    """A version store for machine-learning models that is git.

    A model is a git repository: code, states (weights) and settings. A snapshot is an annotated
    tag that holds all three, and never changes.

    \b
    Examples:
      gitstore init digits --example digits
      gitstore -C digits train -p images=@data/digits.npz:train_images \\
          -p labels=@data/digits.npz:train_labels --use
      gitstore -C digits snapshot v1 -m "first that works"
      gitstore -C digits evaluate v1 -p images=@data/digits.npz:test_images
    """
    output.listen()
    ctx.obj = directory or Path()


def main() -> NoReturn:
    """Run the command line and exit with the code that its outcome asks for."""
    # A command makes many small objects and few circles of them: looking for these took a fifth of its time.
    gc.set_threshold(50_000, 20, 20)
    for name in GIT_LOCAL_VARIABLES:
        os.environ.pop(name, None)
    if COMPLETING in os.environ:
        from gitstore.cli import completion

        completion.answer(cli)
        sys.exit(0)
    try:
        code = cli.main(standalone_mode=False, prog_name="gitstore")
        sys.stdout.flush()
    except click.ClickException as error:
        _report_usage(error)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        output.message("interrupted")
        sys.exit(INTERRUPTED)
    except GitstoreError as error:
        _report(error)
        sys.exit(error.exit_code)
    except (BrokenPipeError, ReaderGone):
        # The reader has gone (`gitstore list | head -1`): stop like git does, without a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        # The file system said no: a full disk, a missing permission.
        where = f"{error.filename}: " if error.filename else ""
        output.message(f"error: {where}{error.strerror or error}")
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        output.message(
            f"bug: gitstore {__version__} failed in a way it should not. Please report the lines above,"
            " with the command, on the project's issue tracker."
        )
        sys.exit(BUG)
    sys.exit(code if isinstance(code, int) else 0)


def _report_usage(error: click.ClickException) -> None:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        output.message(error.ctx.get_usage())
    output.message(f"error: {error.format_message()}")


def _report(error: GitstoreError) -> None:
    if isinstance(error, ModelException) and error.traceback:
        output.message(error.traceback.rstrip())
    for line in error.message.splitlines():
        output.message(f"error: {line}")
    if error.hint:
        output.message(f"hint: {error.hint}")
