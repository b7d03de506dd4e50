"""The workers of a batch: threads, each with an evaluator that it opens, uses and closes.

A chunk whose evaluator is lost goes to whoever is free, up to `MOST_LOSSES` times. A worker that lost its
evaluator opens another one; if that cannot be had, the others go on without it. The chunks' results can be
waited for in their order, so the first chunk that fails is always the same one.
"""

from __future__ import annotations

import copy
import heapq
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from gitstore.batch.chunks import Chunk
from gitstore.batch.evaluator import Evaluator
from gitstore.errors import CodeTerminated, GitstoreError, InvalidInput, LauncherTerminated, OperationFailed
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Evaluation

MOST_LOSSES = 2
"""How often a chunk is evaluated again, and how often in a row a worker opens another evaluator."""

OpenEvaluator = Callable[[Interrupts], AbstractContextManager[Evaluator]]

_log = logging.getLogger(__name__)


def is_lost(error: Exception) -> bool:
    """Whether an evaluation failed because its process ended, which may not happen the next time.

    It was killed, perhaps because it had filled its memory or its disk with earlier chunks.
    """
    if isinstance(error, CodeTerminated):
        return error.signal is not None or error.oom or error.disk_full
    return isinstance(error, LauncherTerminated)


@dataclass(order=True)
class Job:
    """A chunk that is being evaluated. When it has ended, it has a `result` or an `error`."""

    number: int
    chunk: Chunk = field(compare=False)
    losses: int = field(default=0, compare=False)
    result: Evaluation | None = field(default=None, compare=False)
    error: Exception | None = field(default=None, compare=False)

    @property
    def has_ended(self) -> bool:
        return self.result is not None or self.error is not None


class _Board:
    """Jobs that wait for a worker, and what has become of the others. Threads share it."""

    def __init__(self, workers: int) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._workers = workers
        self._last: int | None = None
        self._failure: Exception | None = None
        self.is_closed = False
        self.has_opened = False
        self.retries = 0

    def add(self, job: Job) -> None:
        """Let a worker take a job, the first ones first. After a failure, later jobs are never taken."""
        with self._changed:
            if self._last is None or job.number < self._last:
                heapq.heappush(self._waiting, job)
                self._changed.notify_all()

    def take(self) -> Job | None:
        """Wait for a job, and return it; `None` when the board is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.is_closed)
            return None if self.is_closed else heapq.heappop(self._waiting)

    def finish(self, job: Job, result: Evaluation) -> None:
        with self._changed:
            job.result = result
            self._changed.notify_all()

    def fail(self, job: Job, error: Exception) -> None:
        with self._changed:
            job.error, self._last = error, job.number
            self._waiting = [other for other in self._waiting if other.number < job.number]
            self._changed.notify_all()

    def lose(self, job: Job, error: Exception) -> None:
        """Let another worker take a job whose evaluator was lost, or fail if that has happened too often."""
        if job.losses == MOST_LOSSES:
            self.fail(job, error)
            return
        job.losses += 1
        with self._changed:
            self.retries += 1
        _log.warning("%s: %s; trying again", job.chunk.name, error)
        self.add(job)

    def note_open(self) -> None:
        """Note that a worker has opened an evaluator."""
        with self._changed:
            self.has_opened = True
            self._changed.notify_all()

    def leave(self, error: Exception) -> None:
        """Do without a worker that got no evaluator. The last one, or one that will never get any, fails."""
        with self._changed:
            self._workers -= 1
            if not self._workers or not is_lost(error):
                self._failure = self._failure or error
            self._changed.notify_all()

    def wait_for_evaluator(self) -> None:
        """Wait until a worker has opened an evaluator. Raises what keeps it from that."""
        self._wait(lambda: self.has_opened)

    def wait_for(self, job: Job) -> None:
        """Wait until a job has ended. Raises what keeps all workers from that."""
        self._wait(lambda: job.has_ended)

    def _wait(self, is_true: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: is_true() or self._failure)
            if not is_true() and self._failure is not None:
                raise self._failure

    def close(self) -> None:
        """Let the workers end when they have finished what they do."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()


class _Worker(threading.Thread):
    """A thread with an evaluator, which it has if it `is_ready`."""

    def __init__(self, open_evaluator: OpenEvaluator, board: _Board) -> None:
        super().__init__(name="gitstore-batch")
        self.is_ready = False
        self.interrupts = Interrupts()
        self._open_evaluator = open_evaluator
        self._board = board

    def run(self) -> None:
        losses = 0
        while not self._board.is_closed:
            try:
                with self._open_evaluator(self.interrupts) as evaluator:
                    self.is_ready = True
                    self._board.note_open()
                    losses = 0 if self._evaluate_jobs(evaluator) else losses
                    self.is_ready = False
            except Exception as error:
                losses += 1
                if not is_lost(error) or losses > MOST_LOSSES:
                    self._board.leave(error)
                    return

    def _evaluate_jobs(self, evaluator: Evaluator) -> int:
        """Evaluate jobs until one fails or there are no more; return how many did not fail."""
        count = 0
        while (job := self._board.take()) is not None:
            try:
                result = evaluator.evaluate(job.chunk.inputs)
            except Exception as error:
                (self._board.lose if is_lost(error) else self._board.fail)(job, error)
                break
            self._board.finish(job, result)
            count += 1
        return count


class Workers:
    """Threads that evaluate jobs. `open_workers` starts and ends them."""

    def __init__(self, open_evaluator: OpenEvaluator, count: int) -> None:
        self.count = count
        self._board = _Board(count)
        self._threads = [_Worker(open_evaluator, self._board) for _ in range(count)]

    @property
    def retries(self) -> int:
        """How often a chunk was evaluated again."""
        return self._board.retries

    def start(self) -> None:
        """Start the threads, and wait until one has an evaluator. Locks keep it from being brought twice."""
        for thread in self._threads:
            thread.start()
        self._board.wait_for_evaluator()

    def evaluate(self, jobs: Iterator[Job]) -> Iterator[tuple[Chunk, Evaluation]]:
        """Yield the results of all jobs in their order. Only some jobs at once are in memory.

        Raises the error of the first job that fails.
        """
        pending: list[Job] = []
        for job in jobs:
            self._board.add(job)
            pending.append(job)
            if len(pending) >= 3 * self.count:
                yield self._collect(pending.pop(0))
        for job in pending:
            yield self._collect(job)

    def stop(self, *, interrupting: bool) -> None:
        """End all threads and their evaluators; those that evaluate, if `interrupting`, in the middle."""
        self._board.close()
        for thread in self._threads:
            if interrupting or not thread.is_ready:  # one that waits for an evaluator could wait for ever
                thread.interrupts.add()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _collect(self, job: Job) -> tuple[Chunk, Evaluation]:
        self._board.wait_for(job)
        if job.error is not None:
            raise _name_examples(job.error, job.chunk)
        if job.result is None:
            raise TypeError("a job has ended without a result")
        return job.chunk, job.result


@contextmanager
def open_workers(open_evaluator: OpenEvaluator, count: int) -> Iterator[Workers]:
    """Start workers, and wait until one of them has an evaluator. They have ended when the block has.

    If the block fails, evaluations that run are interrupted. Raises what keeps all workers from an
    evaluator.
    """
    workers = Workers(open_evaluator, count)
    try:
        workers.start()
        yield workers
    except BaseException:
        workers.stop(interrupting=True)
        raise
    workers.stop(interrupting=False)


def _name_examples(error: Exception, chunk: Chunk) -> Exception:
    """Return an error whose message says which examples failed, too."""
    if not isinstance(error, GitstoreError):
        return error
    named = copy.copy(error)
    lines = [f"{chunk.name}: {line}" for line in error.message.splitlines()]
    named.message = "\n".join(lines)
    named.args = (named.message,)
    if isinstance(named, InvalidInput):
        named.problems = tuple(lines)
    if isinstance(named, OperationFailed):
        named.examples = (chunk.start, chunk.stop - 1)
    return named.with_traceback(error.__traceback__)
