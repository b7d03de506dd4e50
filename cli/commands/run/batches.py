"""The options of `gitstore evaluate` for a batch, and evaluating it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitstore.cli import output, totals
from gitstore.cli.progress import byte_progress, count_progress
from gitstore.cli.render import outputs as render
from gitstore.text import counted

if TYPE_CHECKING:
    from gitstore.batch.batch import BatchResult
    from gitstore.batch.evaluator import BatchLauncher
    from gitstore.models.snapshot import Snapshot
    from gitstore.run.values.inputs import Inputs

F = TypeVar("F", bound=Callable[..., Any])

_MOST_WORKERS = 1024


@dataclass(frozen=True)
class BatchOptions:
    """What the command line asks for: a file or directory, how many workers, how many examples at once."""

    path: Path | None
    workers: int | None
    chunk: int | None

    def check(self, ctx: click.Context) -> None:
        """Raise `UsageError` for options that exclude each other, or need another one."""
        if self.path is None:
            if self.workers is not None or self.chunk is not None:
                raise click.UsageError("--workers and --chunk need --batch", ctx)
            return
        if ctx.params["reference"] is None:
            raise click.UsageError("--batch needs REF, a snapshot", ctx)
        for option in ("warm", "record", "expect", "compare"):
            if ctx.params[option]:
                raise click.UsageError(f"give either --batch or --{option}", ctx)
        if ctx.params["out"] is None:
            raise click.UsageError("--batch needs --out DIR, for its outputs", ctx)


def batch_options(function: F) -> F:
    """Add the options, and pass them on as one `batch`."""

    @functools.wraps(function)
    def bundled(*args: Any, **values: Any) -> Any:
        own = BatchOptions(values.pop("batch"), values.pop("workers"), values.pop("chunk"))
        return function(*args, batch=own, **values)

    options = [
        click.option(
            "--batch",
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="Evaluate many examples: a directory of files, or arrays or columns that are called like the"
            " inputs (.npz, .npy, .safetensors, .parquet).",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, _MOST_WORKERS),
            metavar="N",
            help="Evaluate so many chunks at once; as many as there are cores for, by default.",
        ),
        click.option(
            "--chunk",
            type=click.IntRange(1),
            metavar="N",
            help="Evaluate so many examples at a time; by default up to 1024, or about 8 MiB.",
        ),
    ]
    for option in reversed(options):
        bundled = option(bundled)
    return bundled  # type: ignore[return-value]


@dataclass(frozen=True)
class BatchCommand:
    """What a command evaluates a batch with. `fixed` are the inputs that are the same for all examples."""

    directory: Path
    options: BatchOptions
    fixed: Inputs
    launcher: BatchLauncher
    show_progress: bool | None

    def run(self, snapshot: Snapshot, out: Path, *, as_json: bool) -> None:
        """Evaluate a batch with a snapshot, and show what became of it."""
        result = self._evaluate(snapshot, self.directory / out)
        if result.unused:
            output.print_message(f"Not used: {_list_names(result.unused)}")
        again = f", {result.retries} of them again" if result.retries else ""
        output.print_message(
            f"Evaluated {counted(result.examples, 'example')} in {counted(result.chunks, 'chunk')}{again},"
            f" with {counted(result.workers, 'worker')}"
        )
        render.show_batch(result, out, as_json=as_json)

    def _evaluate(self, snapshot: Snapshot, out: Path) -> BatchResult:
        from gitstore.batch.batch import BatchInput, open_batch

        given = BatchInput(str(self.options.path), self.directory, self.fixed, self.options.chunk)
        with open_batch(snapshot, given, out=out) as batch, ExitStack() as stack:
            total = totals.stored(snapshot.repository, snapshot.state_tree)
            with byte_progress("fetch state", total, show=self.show_progress) as fetched:
                workers = stack.enter_context(
                    batch.open_workers(self.launcher, self.options.workers, progress=fetched)
                )
            with count_progress("evaluate", show=self.show_progress) as (set_total, advance):
                set_total(batch.chunks.examples.count)
                return batch.evaluate(workers, out, progress=advance)


def _list_names(names: tuple[str, ...]) -> str:
    from gitstore.text import list_some

    return list_some(names, most=10)
