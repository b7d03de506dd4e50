"""`gitstore serve-model`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import click

from gitstore.cli import output, totals
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import launchers as render
from gitstore.cli.run_options import RunOptions, run_options

if TYPE_CHECKING:
    from gitstore.launchers.directory import About
    from gitstore.models.snapshot import Snapshot
    from gitstore.run.conditions import Conditions

_READY = "GITSTORE_READY_DESCRIPTOR"


@click.command()
@click.argument("reference", metavar="REF", shell_complete=candidates.snapshots)
@click.option(
    "--idle",
    default="15m",
    show_default=True,
    metavar="DURATION",
    help="End when nobody has asked for this long.",
)
@run_options()
@click.option("--detach", is_flag=True, help="Return when the model answers; it goes on in the background.")
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, reference: str, *, idle: str, run_with: RunOptions, detach: bool, as_json: bool
) -> None:
    """Keep the model of a snapshot instantiated, so that evaluations need not wait for that.

    gitstore evaluate REF --warm evaluates on it. Evaluations run one after the other. The launcher ends
    after Ctrl-C, after gitstore launcher stop, or without work for the time of --idle. Only your own
    processes can reach it.

    The model runs in a sandbox, as for evaluate. What it may use is decided here, for all evaluations.

    \b
    Examples:
      gitstore serve-model v1
      gitstore serve-model v1 --detach --idle 1h --memory 4GiB
      gitstore serve-model dogs@v1 --detach && gitstore evaluate dogs@v1 -p images=@image.npy --warm
    """
    from gitstore.launchers.directory import describe
    from gitstore.models import reference as references
    from gitstore.units import parse_duration

    try:
        idle_limit = parse_duration(idle)
    except ValueError as error:
        raise click.UsageError(f"--idle: {error}", ctx) from error
    snapshot = references.resolve(reference, ctx.obj)
    if detach:
        ctx.exit(_start_detached(ctx, reference, idle=idle, run_with=run_with, as_json=as_json))
    about = describe(snapshot, idle_limit=idle_limit)
    for served in _serve(snapshot, about, conditions=run_with.find_conditions(ctx.obj)):
        render.show_started(served, as_json=as_json)
        _report_ready()


def _report_ready() -> None:
    """Tell the process that started this one with --detach, if there is one, that clients are answered."""
    if _READY in os.environ:
        sys.stdout.flush()
        descriptor = int(os.environ.pop(_READY))
        os.write(descriptor, b".")
        os.close(descriptor)


def _serve(snapshot: Snapshot, about: About, *, conditions: Conditions) -> Iterator[About]:
    """Yield what is served when clients are answered, and return at the end.

    A signal, a client or idleness brings it.
    """
    from msgspec import structs

    from gitstore.launchers.directory import find_launchers
    from gitstore.launchers.server import Keeper, Server
    from gitstore.run.evaluation import LocalLauncher
    from gitstore.run.interrupts import Interrupts

    interrupts = Interrupts()
    launcher = LocalLauncher(conditions, interrupts)
    total = totals.stored(snapshot.repository, snapshot.state_tree)
    with ExitStack() as stack:
        claim = stack.enter_context(find_launchers(conditions.cache).claim(about))
        with byte_progress("fetch state", total, show=None) as progress:
            open_model = partial(launcher.open_warm, snapshot, progress=progress)
            keeper = stack.enter_context(Keeper(open_model, interrupts=interrupts))
        server = Server(keeper, idle_limit=about.idle_limit)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        about = structs.replace(about, **keeper.workplace.describe())
        with claim.listen(about) as listener:
            yield about
            server.run(listener)


def _start_detached(
    ctx: click.Context, reference: str, *, idle: str, run_with: RunOptions, as_json: bool
) -> int:
    """Serve in another process, and return an exit code when it answers clients, or when it has failed.

    What it says until then is shown here. It keeps nothing of the terminal, nor a pipe for which somebody
    could wait.
    """
    reading_end, writing_end = os.pipe()
    command = [sys.executable, "-m", "gitstore", "serve-model", reference]
    command += ["--idle", idle, *run_with.list_arguments(ctx.obj), *(["--json"] if as_json else [])]
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            command,
            cwd=ctx.obj,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=[writing_end],
            env=os.environ | {_READY: str(writing_end)},
            start_new_session=True,
        )
        os.close(writing_end)
        with os.fdopen(reading_end, "rb") as ready:
            code = 0 if ready.read(1) else process.wait()
        process.returncode = code  # it goes on by itself, so nobody waits for it
        for stream, shown in ((stdout, sys.stdout), (stderr, sys.stderr)):
            stream.seek(0)
            shown.write(stream.read().decode(errors="replace"))
    return code
