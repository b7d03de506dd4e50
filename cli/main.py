"""The entry point: the group of commands, and the border where errors become messages and exit codes."""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from gitstore import __version__
from gitstore.cli import output, streams, surroundings
from gitstore.errors import GitstoreError, ModelException

# In the order of a model's life, which is the order of --help.
COMMANDS = {
    "init": "init",
    "settings": "settings",
    "lock": "lock",
    "state": "state",
    "train": "train",
    "status": "status",
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


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is asked for."""

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
    surroundings.check(ctx.obj or {}, directory or Path())
    ctx.obj = directory or Path()


def main() -> NoReturn:
    """Run the command line and exit with the code that its outcome asks for."""
    # A command makes many small objects and few circles of them: looking for these took a fifth of its time.
    gc.set_threshold(50_000, 20, 20)
    streams.prepare()
    try:
        code = _run(surroundings.forget())
        sys.stdout.flush()
    except streams.OutputLost as lost:
        streams.abandon_stdout()
        code = _report_lost(lost)
    sys.exit(code)


def _run(told: dict[str, str]) -> int:
    """Run the command line, report what went wrong, and return the exit code."""
    try:
        return _invoke(told)
    except streams.OutputLost:
        raise
    except click.ClickException as error:
        _report_usage(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.message("\ninterrupted")  # below the ^C of the terminal
        return INTERRUPTED
    except GitstoreError as error:
        _report(error)
        return error.exit_code
    except OSError as error:
        _report_refused(error)
        return 1
    except Exception:
        traceback.print_exc()
        output.message(
            f"bug: gitstore {__version__} failed in a way it should not. Please report the lines above,"
            " with the command, on the project's issue tracker."
        )
        return BUG


def _invoke(told: dict[str, str]) -> int:
    """What click's own main does, which makes a silent exit of every broken pipe, whosever it is."""
    if COMPLETING in os.environ:
        from gitstore.cli import completion

        completion.answer(cli)
        return 0
    try:
        with cli.make_context("gitstore", sys.argv[1:], obj=told) as ctx:
            code = cli.invoke(ctx)
    except click.exceptions.Exit as end:
        code = end.exit_code
    return code if isinstance(code, int) else 0


def _report_lost(lost: streams.OutputLost) -> int:
    if lost.reader_gone:
        return BROKEN_PIPE  # stop like git does, without a word
    output.message(f"error: standard output: {lost.error.strerror}")
    return 1


def _report_usage(error: click.ClickException) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        output.message(error.format_message())
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        output.message(error.ctx.get_usage())
    # click lists the choices of an argument on lines of their own.
    message = re.sub(r"\s*\n\s*", " ", error.format_message())
    output.message(f"error: {message}")


def _report_refused(error: OSError) -> None:
    """The file system said no: a full disk, a missing permission, a current directory that was removed."""
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        output.message("error: the current directory is gone")
        output.message("hint: cd into one that is there")
        return
    where = f"{error.filename}: " if error.filename else ""
    output.message(f"error: {where}{error.strerror or error}")


def _report(error: GitstoreError) -> None:
    if isinstance(error, ModelException) and error.traceback:
        output.message(error.traceback.rstrip())
    for line in error.message.splitlines():
        output.message(f"error: {line}")
    if error.hint:
        output.message(f"hint: {error.hint}")


def _is_nowhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
