"""Evaluating a batch: examples in, chunks over workers, outputs in order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gitstore.batch.chunks import Chunk, Chunks, cut_examples
from gitstore.batch.evaluator import BatchLauncher, Evaluator
from gitstore.batch.examples import check_missing, open_examples
from gitstore.batch.outputs import BatchForm, open_outputs
from gitstore.batch.workers import Job, Workers, open_workers
from gitstore.disk.construction import check_free, construction
from gitstore.errors import Cancelled, InvalidOutput, NoSuchSnapshot
from gitstore.events import dispatch
from gitstore.events.events import PostEvaluate
from gitstore.git.repository import Repository
from gitstore.models import snapshot as snapshots
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.run.interrupts import Interrupts
from gitstore.run.values import parameters
from gitstore.run.values.inputs import Inputs
from gitstore.run.workplace import Workplace


@dataclass(frozen=True)
class BatchInput:
    """What is evaluated: a file or directory with examples. Its `name` is relative to `directory`.

    `fixed` are inputs that are the same for all. `chunk` is how many examples are evaluated at once, if the
    user has chosen that.
    """

    name: str
    directory: Path
    fixed: Inputs
    chunk: int | None = None


@dataclass(frozen=True)
class BatchResult:
    """A batch that was evaluated. `files` are its outputs, in the order of settings.yaml.

    `retries` says how often a chunk was evaluated again, because its evaluator was lost. `durations` are
    seconds: `evaluate` adds up those of all workers, `total` is what passed. `unused` is what the input has
    beside the inputs of the model.
    """

    files: tuple[Path, ...]
    examples: int
    chunk: int
    chunks: int
    workers: int
    retries: int
    durations: Mapping[str, float]
    unused: tuple[str, ...]
    workplace: Workplace


@dataclass(frozen=True)
class Batch:
    """A batch that can be evaluated: its input was checked. `open_batch` makes one."""

    snapshot: Snapshot
    chunks: Chunks
    form: BatchForm
    _first: Chunk
    _rest: Iterator[Chunk]

    def open_workers(
        self, launcher: BatchLauncher, count: int | None, *, progress: Progress = lambda _: None
    ) -> AbstractContextManager[Workers]:
        """Start workers, at most one for each chunk; see `workers.open_workers`.

        `progress` is called with bytes of the state that the first one brings to its place. Without a
        `count`, there are as many as the launcher has room for.
        """
        count = min(count or launcher.count_workers(self.snapshot), self.chunks.count)
        return open_workers(_Opener(launcher, self.snapshot, progress=progress).open, count)

    def evaluate(self, workers: Workers, out: Path, *, progress: Progress = lambda _: None) -> BatchResult:
        """Evaluate all chunks, and write the outputs into `out`, a new or empty directory.

        `progress` is called with numbers of examples. The directory appears when all outputs are in it; if
        anything fails, there is none. Raises InvalidInput for examples that cannot be read, OperationFailed
        if the model fails, and InvalidOutput, which name the examples.
        """
        start, seconds = time.monotonic(), 0.0
        workplace: Workplace | None = None
        with construction(out, durable=False) as directory, open_outputs(directory, self.form) as outputs:
            for chunk, evaluation in workers.evaluate(self._make_jobs()):
                try:
                    outputs.write(evaluation.outputs, chunk.start, stop=chunk.stop, name=chunk.name)
                except InvalidOutput as error:
                    error.examples = (chunk.start, chunk.stop - 1)
                    raise
                progress(chunk.stop - chunk.start)
                seconds += evaluation.durations["evaluate"]
                workplace = workplace or evaluation.workplace
        if workplace is None:
            raise ValueError("a batch has no chunks")
        durations = {"evaluate": seconds, "total": time.monotonic() - start}
        self._notify(outputs.describe(), durations=durations, workplace=workplace)
        return BatchResult(
            files=tuple(out / name for name in outputs.list_names()),
            examples=self.chunks.examples.count,
            chunk=self.chunks.size,
            chunks=self.chunks.count,
            workers=workers.count,
            retries=workers.retries,
            durations=durations,
            unused=self.chunks.examples.unused,
            workplace=workplace,
        )

    def _make_jobs(self) -> Iterator[Job]:
        yield Job(0, self._first)
        yield from (Job(number, chunk) for number, chunk in enumerate(self._rest, start=1))

    def _notify(
        self, outputs: dict[str, dict[str, Any]], *, durations: dict[str, float], workplace: Workplace
    ) -> None:
        event = PostEvaluate(
            model=self.snapshot.model,
            snapshot=self.snapshot.name,
            ref=self.snapshot.ref,
            tag=str(self.snapshot.tag_oid),
            state=self.snapshot.state_name,
            outputs=outputs,
            durations=durations,
            **workplace.describe(),
        )
        dispatch.notify_post_hook(self.snapshot.repository, event)


@contextmanager
def open_batch(snapshot: Snapshot, batch: BatchInput, *, out: Path) -> Iterator[Batch]:
    """Check all that can be known before anything runs, and read the first chunk.

    `out` is where the outputs will be. Raises InvalidInput with a line for each problem, and GitstoreError if
    `out` is not empty.
    """
    check_free(out, "give --out a new directory")
    types = snapshot.settings.types.evaluate
    fixed = batch.fixed.read([replace(item, required=False) for item in types.inputs])
    with open_examples(batch.name, types.inputs, given=fixed, directory=batch.directory) as examples:
        check_missing(examples, types.inputs, fixed)
        chunks = cut_examples(examples, types.inputs, fixed=fixed, size=batch.chunk)
        form = BatchForm(types.outputs, examples.count, examples.labels, bool(chunks.whole))
        form.check()
        rest = chunks.read()
        first = next(rest)
        parameters.check_inputs(first.inputs, types.inputs)
        yield Batch(snapshot, chunks, form, first, rest)


class _Opener:
    """Opens evaluators for workers, each of which is a thread."""

    def __init__(self, launcher: BatchLauncher, snapshot: Snapshot, *, progress: Progress) -> None:
        self._launcher = launcher
        self._snapshot = snapshot
        self._progress: Progress | None = progress

    def open(self, interrupts: Interrupts) -> AbstractContextManager[Evaluator]:
        """Open an evaluator. The first one reports the bytes that it brings."""
        progress, self._progress = self._progress, None

        def report(count: int) -> None:
            if interrupts.count:
                raise Cancelled("the batch was cancelled")
            if progress is not None:
                progress(count)

        return self._launcher.open_warm(self._reopen(), progress=report, interrupts=interrupts)

    def _reopen(self) -> Snapshot:
        """Return the snapshot for a thread of its own: an open repository is not for several."""
        repository = Repository.discover(self._snapshot.repository.directory)
        snapshot = snapshots.read(repository, self._snapshot.ref, self._snapshot.tag_oid)
        if snapshot is None:
            raise NoSuchSnapshot(f"{self._snapshot.full_name} is no snapshot any more")
        return snapshot
