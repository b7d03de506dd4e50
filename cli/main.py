"""The entry point: the group of commands, and the border where errors become messages and exit codes."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from gitstore import __version__
from gitstore.cli import child_output, environment, failures, output, pager, streams
from gitstore.cli.commands import COMMANDS
from gitstore.cli.commands.lazy_group import LazyGroup
from gitstore.cli.completion import COMPLETING
from gitstore.errors import GitstoreError


@click.group(cls=LazyGroup, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gitstore %(version)s")
@click.option(
    "-C",
    "directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Act as if started in DIR.",
)
@click.option("--no-pager", is_flag=True, help="Show long output without a pager.")
@click.pass_context
def cli(ctx: click.Context, directory: Path | None, *, no_pager: bool) -> None:
    """A version store for machine-learning models, kept in plain git repositories.

    A model is a git repository with code, states (weights) and settings. A snapshot is an annotated tag for
    all three that never changes.

    \b
    Examples:
      gitstore init digits --example digits
      gitstore -C digits train -p images=@data/digits.npz:train_images \\
          -p labels=@data/digits.npz:train_labels --use
      gitstore -C digits snapshot v1 -m "first that works"
      gitstore -C digits evaluate v1 -p images=@data/digits.npz:test_images
    """
    output.show_log()
    output.set_directory(directory)
    if no_pager:
        pager.disable()
    environment.refuse_other_repository(ctx.obj or {}, directory or Path())
    ctx.obj = directory or Path()


def main() -> NoReturn:
    """Run the command line and exit with the code that its outcome asks for."""
    # A command makes many small objects and few cycles of them: looking for cycles took a fifth of its time.
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)  # at its end, Python would look for cycles among all modules
    streams.prepare()
    try:
        with child_output.filtered():
            code = _run(environment.remove_git_variables())
            sys.stdout.flush()
    except streams.OutputLost as lost:
        streams.abandon_stdout()
        code = _report_lost(lost)
    sys.exit(code)


def _run(git_variables: dict[str, str]) -> int:
    """Run the command line, report what went wrong, and return the exit code."""
    as_json = failures.wants_json(sys.argv[1:])
    try:
        return _invoke(git_variables)
    except streams.OutputLost:
        raise
    except (click.ClickException, GitstoreError) as error:
        failure = failures.of_expected(error)
    except (click.Abort, KeyboardInterrupt):
        if not as_json:
            output.print_message("\ninterrupted")  # below the ^C of the terminal
            return failures.INTERRUPTED
        failure = failures.of_interrupt()
    except OSError as error:
        failure = failures.of_system(error)
    except Exception:
        failure = failures.of_bug()
    return failures.report(failure, as_json=as_json)


def _invoke(git_variables: dict[str, str]) -> int:
    """Do what click's own main does, except that it exits silently for any broken pipe, even another's."""
    if COMPLETING in os.environ:
        from gitstore.cli.completion import shells

        shells.answer(cli)
        return 0
    try:
        with cli.make_context("gitstore", sys.argv[1:], obj=git_variables) as ctx:
            code = cli.invoke(ctx)
    except click.exceptions.Exit as end:
        code = end.exit_code
    return code if isinstance(code, int) else 0


def _report_lost(lost: streams.OutputLost) -> int:
    if lost.reader_gone:
        return failures.BROKEN_PIPE  # stop silently, as git does
    return failures.report(failures.of_lost_output(lost), as_json=failures.wants_json(sys.argv[1:]))
