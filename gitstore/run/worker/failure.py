"""What went wrong in the model's code, as text for the person who wrote it."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import TracebackType

# Together far below what a frame's header may hold, whatever the model raises.
MAX_MESSAGE = 1_000
MAX_TRACEBACK = 50_000


class BrokenContract(Exception):
    """code/model.py is not what a model must be. The message says it all; a traceback would not help."""


class UnusableOutputs(Exception):
    """What evaluate() returned is no dict of arrays; `problems` has a line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def described(error: BaseException, code: Path) -> dict[str, str]:
    """The error's `message`, one line, and its `traceback`, which starts at the model's own frames."""
    if isinstance(error, BrokenContract):
        return {"message": str(error), "traceback": ""}
    frames = _from_model(error.__traceback__, code)
    report = traceback.TracebackException(type(error), error, frames)
    text = "".join(report.format()).replace(f'File "{code}{os.sep}', f'File "code{os.sep}')
    reason = next(iter(str(report).splitlines()), "")
    message = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    # The end of a traceback says most.
    return {"message": message[:MAX_MESSAGE], "traceback": text[-MAX_TRACEBACK:]}


def _from_model(frames: TracebackType | None, code: Path) -> TracebackType | None:
    """The frames from the first that lies in the model's code, or none: the worker's would only confuse."""
    inside = f"{code}{os.sep}"
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith(inside):
        frames = frames.tb_next
    return frames
