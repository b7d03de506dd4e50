"""The dialogue with a worker: a frame asks for something, and the worker's frames are followed to the end.

The worker is not trusted: frames may be late, malformed, out of order or missing. What was asked for ends
with a result or with one typed error.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from gitstore.errors import (
    Cancelled,
    CodeTerminated,
    InvalidOutput,
    MaxDurationExceeded,
    ModelException,
    OperationFailed,
)
from gitstore.run.interrupts import Interrupts
from gitstore.run.phases import Clock
from gitstore.run.process import Process
from gitstore.run.worker import wire
from gitstore.run.worker.tensors import Value
from gitstore.sandbox.ending import MORE_DISK, make_termination
from gitstore.units import duration_literal

MAX_OUTPUTS = 4 << 30
"""The most bytes of a frame of outputs."""

CANCEL_GRACE = 30.0
"""The seconds that train() may continue after it was asked to stop."""

EXIT_GRACE = 5.0
"""The seconds that a worker may take to end after its last frame: exit handlers, threads of the model."""

TICK = 0.1
"""The seconds after which an interrupt, a deadline, or an end that a child process hides is noticed."""


@dataclass(frozen=True)
class Metric:
    """One value that train() reported, `seconds` after it began."""

    seconds: float
    name: str
    value: float


@dataclass(frozen=True)
class Observers:
    """The functions that are called while a model trains."""

    on_progress: Callable[[float], None] = lambda _: None
    on_metric: Callable[[Metric], None] = lambda _: None


class Dialogue:
    """The dialogue with one worker. After `follow`, the results are in `outputs` and `metrics`.

    `peak_memory` is the most bytes of memory that the worker says it had, until the last phase that ended.
    `is_idle` says whether the worker has answered, if only with a failure of its model, and could be
    asked again. A `confined` worker gets no file that it could write to.
    """

    def __init__(
        self,
        process: Process,
        *,
        confined: bool = True,
        interrupts: Interrupts | None = None,
        observers: Observers | None = None,
    ) -> None:
        self.outputs: dict[str, Value] | None = None
        self.metrics: list[Metric] = []
        self.peak_memory: int | None = None
        self.is_idle = True
        self._process = process
        self._interrupts = interrupts or Interrupts()
        self._observers = observers or Observers()
        self._channel = wire.Channel(
            process.socket,
            limit=MAX_OUTPUTS,
            may_send=lambda place: place.is_protected or not confined,
            wait=self._wait,
        )
        self._cancel_deadline: float | None = None

    def follow(self, clock: Clock, kind: str, *, inputs: Mapping[str, Value], **fields: Any) -> None:
        """Send a frame to the worker, and follow what it asks for to the end of the clock's last phase.

        Raises an OperationFailed that says how the model's code failed, or Cancelled.
        """
        self._clock, self.outputs, self.is_idle = clock, None, False
        try:
            self._exchange_frames(kind, inputs, fields=fields)
        except OperationFailed as error:
            if self._cancel_deadline is not None:
                raise self._make_cancelled() from error
            raise

    @property
    def printed(self) -> bytes:
        """The end of what the worker has printed. All of it was read only when the process was stopped."""
        return self._process.output.tail

    def wait_for_end(self) -> None:
        """Give the worker `EXIT_GRACE` seconds to end, after its last frame. Nothing more can be asked."""
        del self._channel  # it refers to this object, and would keep large outputs in memory
        self._process.wait(EXIT_GRACE)

    def close(self) -> None:
        """Ask an idle worker that serves evaluations to end, and wait for that."""
        with contextlib.suppress(wire.Closed, OperationFailed):
            self._channel.send("close")
        self.wait_for_end()

    def _exchange_frames(self, kind: str, inputs: Mapping[str, Value], *, fields: dict[str, Any]) -> None:
        try:
            self._channel.send(kind, inputs, **fields)
            while not self._clock.finished:
                frame = self._channel.receive()
                self._watch()
                self._handle(frame)
        except wire.Closed:
            self._raise_terminated()
        except wire.Malformed as error:
            raise InvalidOutput(
                f"{self._clock.phase}: the model's process sent an invalid answer: {error}",
                "the model's code must not write to file descriptors that it did not open",
                phase=self._clock.phase,
            ) from error
        if self._cancel_deadline is not None:
            raise self._make_cancelled()
        self.is_idle = True

    def _handle(self, frame: wire.Frame) -> None:
        """Act on a frame from the worker. Raises Malformed if it is not allowed at this time."""
        match frame.kind, frame.fields:
            case "done", {"phase": self._clock.phase, **facts} if not self._lacks_outputs:
                self.peak_memory = _check_memory(facts.get("peak_memory"))
                self._clock.end_phase()
            case "reports", {"reports": [*reports]} if self._is_training:
                for report in reports:
                    self._take_report(report)
            case "outputs", _ if self._lacks_outputs:
                self.outputs = frame.tensors
            case "unusable", {"problems": [_, *_] as problems}:
                self.is_idle = True
                raise InvalidOutput("\n".join(map(_clean_line, problems)), phase=self._clock.phase)
            case "failed", {"message": message, "traceback": text}:
                phase, self.is_idle = self._clock.phase, True
                line, text = f"{phase}: {_clean_line(message)}", _clean_text(text)
                if frame.fields.get("disk_full") is True:
                    raise CodeTerminated(line, MORE_DISK, phase=phase, disk_full=True, traceback=text)
                raise ModelException(line, phase=phase, traceback=text)
            case kind, _:
                raise wire.Malformed(f"a frame {kind!r:.40} out of place")

    def _take_report(self, report: object) -> None:
        """Act on a report: how many seconds ago it was, a name, and a value; progress has no name."""
        match report:
            case [float(age), None, float(fraction)] if age >= 0 and 0 <= fraction <= 1:
                self._observers.on_progress(fraction)
            case [float(age), str(name), float(value)] if age >= 0:
                earliest = self.metrics[-1].seconds if self.metrics else 0.0
                seconds = max(earliest, self._clock.counted - age)
                self.metrics.append(Metric(seconds, _clean_line(name), value))
                self._observers.on_metric(self.metrics[-1])
            case _:
                raise wire.Malformed("a report that is none")

    @property
    def durations(self) -> dict[str, float]:
        """The seconds of each phase, and their `total`."""
        return self._clock.durations

    @property
    def _lacks_outputs(self) -> bool:
        return self._clock.phase == "evaluate" and self.outputs is None

    @property
    def _is_training(self) -> bool:
        # The model's threads may still report while its state is being saved.
        return self._clock.limit_name == "train"

    def _wait(self, event: int) -> None:
        """Wait until the socket is ready. Raises an error that ends the operation before that."""
        poll = select.poll()
        poll.register(self._process.socket, event)
        while not poll.poll(TICK * 1000):
            self._watch()
            # A child process of the model can keep the socket open after the worker has ended.
            if self._process.has_ended() and not poll.poll(0):
                raise wire.Closed("the worker has ended")

    def _watch(self) -> None:
        """Raise an error if the time is over. Act on interrupts of the user."""
        if self._interrupts.count:
            self._cancel()
        if self._clock.overrun:
            key = f"max_durations.{self._clock.limit_name}"
            raise MaxDurationExceeded(
                f"{self._clock.phase}: took longer than the {duration_literal(self._clock.limit)} of {key}",
                f"if the model needs more time, raise {key} in settings.yaml",
                phase=self._clock.phase,
            )

    def _cancel(self) -> None:
        """Ask a running train() to stop, once. In other phases, raise Cancelled at once."""
        if self._clock.phase != "train" or self._interrupts.count > 1:
            raise self._make_cancelled()
        if self._cancel_deadline is None:
            self._cancel_deadline = time.monotonic() + CANCEL_GRACE
            self._channel.send("cancel")
        elif time.monotonic() > self._cancel_deadline:
            raise self._make_cancelled()

    def _make_cancelled(self) -> Cancelled:
        if self._clock.operation == "train":
            return Cancelled("training was cancelled; nothing was kept")
        return Cancelled(f"{self._clock.phase}: cancelled")

    def _raise_terminated(self) -> NoReturn:
        """Raise an error that says how the worker ended, after it has closed its connection."""
        has_ended = self._process.wait(EXIT_GRACE)
        returncode = self._process.stop()
        raise make_termination(
            self._process.ending, self._clock.phase, returncode=returncode if has_ended else None
        )


def _check_memory(size: object) -> int | None:
    """Return what a worker says of its memory, in bytes, if that can be true."""
    return size if type(size) is int and 0 < size < 1 << 60 else None


def _clean_line(value: object) -> str:
    """Return text from the worker as one line, without characters that control a terminal."""
    line = " ".join(_clean_text(value).split())
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)


def _clean_text(value: object) -> str:
    """Return text from the worker without lone surrogates, which no file and no JSON can hold."""
    if not isinstance(value, str):
        raise wire.Malformed("a message that is no text")
    return value.encode(errors="backslashreplace").decode()
