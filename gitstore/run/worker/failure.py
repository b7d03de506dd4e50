"""Describing failures of the model's code for the person who wrote it."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import TracebackType

# Together far below the limit of a frame's header, whatever the model raises.
MAX_MESSAGE = 1_000
MAX_TRACEBACK = 50_000


class BrokenContract(Exception):
    """The model's code breaks the contract of models. The message is enough; a traceback would not help."""


class UnusableOutputs(Exception):
    """evaluate() did not return a dict of arrays. `problems` has a line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def describe(error: BaseException, code: Path) -> dict[str, str]:
    """Return the error's `message`, one line, and its `traceback`, which starts at the model's own frames."""
    if isinstance(error, BrokenContract):
        return {"message": str(error), "traceback": ""}
    frames = _skip_worker_frames(error.__traceback__, code)
    report = traceback.TracebackException(type(error), error, frames)
    text = "".join(report.format()).replace(f'File "{code}{os.sep}', f'File "code{os.sep}')
    reason = next(iter(str(report).splitlines()), "")
    message = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    # The end of a traceback matters most.
    return {"message": message[:MAX_MESSAGE], "traceback": text[-MAX_TRACEBACK:]}


def _skip_worker_frames(frames: TracebackType | None, code: Path) -> TracebackType | None:
    """Return the frames from the first one in the model's code. Those of the worker would only confuse."""
    inside = f"{code}{os.sep}"
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith(inside):
        frames = frames.tb_next
    return frames
