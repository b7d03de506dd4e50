"""One operation's talk with its worker, from the request to the last phase, and how it can fail.

The worker is believed in nothing: frames may be late, malformed, out of order or never come. Every
way that this can end is a result or one typed error.
"""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

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
from gitstore.run.worker.tensors import Array
from gitstore.units import duration_literal

# The most that one frame of outputs may hold, in bytes.
MAX_OUTPUTS = 4 << 30
# How long a train() may go on after it was asked to stop.
CANCEL_GRACE = 30.0
# How long a worker that has said its last word may take to end: exit handlers, threads of the model.
EXIT_GRACE = 5.0
# How soon the user's interrupt, a deadline, or a death that a child process hides, is noticed.
TICK = 0.1


@dataclass(frozen=True)
class Metric:
    """One value that train() reported, `seconds` after it began."""

    seconds: float
    name: str
    value: float


@dataclass(frozen=True)
class Observers:
    """Who hears how training goes, while it goes."""

    on_progress: Callable[[float], None] = lambda _: None
    on_metric: Callable[[Metric], None] = lambda _: None


class Dialogue:
    """The talk with one worker. After `run`, what came of it is in `outputs` and `metrics`."""

    def __init__(
        self,
        process: Process,
        clock: Clock,
        *,
        interrupts: Interrupts | None = None,
        observers: Observers | None = None,
    ) -> None:
        self.outputs: dict[str, Array] | None = None
        self.metrics: list[Metric] = []
        self._process = process
        self._clock = clock
        self._interrupts = interrupts or Interrupts()
        self._observers = observers or Observers()
        self._channel = wire.Channel(process.socket, limit=MAX_OUTPUTS, wait=self._wait)
        self._cancel_deadline: float | None = None

    def run(self, inputs: Mapping[str, Array], **request: str) -> None:
        """Have the worker do what is requested, to the end of its last phase.

        Raises the OperationFailed that says how the model's code failed, or Cancelled.
        """
        try:
            self._talk(inputs, request)
        except OperationFailed as error:
            if self._cancel_deadline is not None:
                raise _cancelled() from error
            raise

    def _talk(self, inputs: Mapping[str, Array], request: dict[str, str]) -> None:
        try:
            self._channel.send("request", inputs, **request)
            while not self._clock.finished:
                frame = self._channel.receive()
                self._watch()
                self._take(frame)
        except wire.Closed:
            self._terminated()
        except wire.Malformed as error:
            raise InvalidOutput(
                f"{self._clock.phase}: the model's process sent an invalid answer: {error}",
                "the model's code must not write to file descriptors that it did not open",
                phase=self._clock.phase,
            ) from error
        if self._cancel_deadline is not None:
            raise _cancelled()
        self._process.wait(EXIT_GRACE)

    def _take(self, frame: wire.Frame) -> None:
        """Act on a frame from the worker. Raises Malformed if it is none that may come now."""
        match frame.kind, frame.fields:
            case "done", {"phase": self._clock.phase} if not self._owes_outputs:
                self._clock.end()
            case "progress", {"fraction": float(fraction)} if self._training and 0 <= fraction <= 1:
                self._observers.on_progress(fraction)
            case "metric", {"name": str(name), "value": float(value)} if self._training:
                self.metrics.append(Metric(self._clock.counting, _line(name), value))
                self._observers.on_metric(self.metrics[-1])
            case "outputs", _ if self._owes_outputs:
                self.outputs = frame.tensors
            case "unusable", {"problems": [_, *_] as problems}:
                raise InvalidOutput("\n".join(map(_line, problems)), phase=self._clock.phase)
            case "failed", {"message": message, "traceback": text}:
                phase = self._clock.phase
                raise ModelException(f"{phase}: {_line(message)}", phase=phase, traceback=_text(text))
            case kind, _:
                raise wire.Malformed(f"a frame {kind!r:.40} out of place")

    @property
    def durations(self) -> dict[str, float]:
        """The seconds of each phase, and their `total`."""
        return self._clock.durations

    @property
    def _owes_outputs(self) -> bool:
        return self._clock.phase == "evaluate" and self.outputs is None

    @property
    def _training(self) -> bool:
        # A model's own threads may report while its state is being saved.
        return self._clock.limit_name == "train"

    def _wait(self, event: int) -> None:
        """Block until the socket is ready; raise what ends the operation before that."""
        poll = select.poll()
        poll.register(self._process.socket, event)
        while not poll.poll(TICK * 1000):
            self._watch()
            # A child of the model can hold the socket open beyond the worker's death.
            if self._process.ended() and not poll.poll(0):
                raise wire.Closed("the worker has ended")

    def _watch(self) -> None:
        """Raise if the clock or the user ends the operation; pass on the user's first wish to stop."""
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
        """Ask a train() that runs to stop, once; at any other time, stop at once."""
        if self._clock.phase != "train" or self._interrupts.count > 1:
            raise _cancelled()
        if self._cancel_deadline is None:
            self._cancel_deadline = time.monotonic() + CANCEL_GRACE
            self._channel.send("cancel")
        elif time.monotonic() > self._cancel_deadline:
            raise _cancelled()

    def _terminated(self) -> NoReturn:
        """The worker will say no more: find out how it ended."""
        ended = self._process.wait(EXIT_GRACE)
        returncode = self._process.stop()
        if not ended:
            how = "closed its connection, and was killed"
        elif returncode < 0:
            how = f"was killed by signal {-returncode} ({_signal_name(-returncode)})"
        else:
            how = f"exited with code {returncode}"
        raise CodeTerminated(
            f"{self._clock.phase}: the model's process {how} before it answered",
            phase=self._clock.phase,
            returncode=returncode if returncode >= 0 else None,
            signal=-returncode if returncode < 0 else None,
        )


def _cancelled() -> Cancelled:
    return Cancelled("training was cancelled; nothing was kept")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "a real-time signal"


def _line(value: object) -> str:
    """Text from the worker on one line, with nothing in it that moves a cursor."""
    line = " ".join(_text(value).split())
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)


def _text(value: object) -> str:
    """Text from the worker, without what can be in no file and no JSON: lone surrogates."""
    if not isinstance(value, str):
        raise wire.Malformed("a message that is no text")
    return value.encode(errors="backslashreplace").decode()
