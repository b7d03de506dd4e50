"""Describing failures of the model's code for the person who wrote it."""

from __future__ import annotations

import errno
import os
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

# Together far below the limit of a frame's header, whatever the model raises.
MAX_MESSAGE = 1_000
MAX_TRACEBACK = 50_000
MAX_CAUSES = 20


class BrokenContract(Exception):
    """The model's code breaks the contract of models. The message is enough; a traceback would not help."""


class UnusableOutputs(Exception):
    """evaluate() did not return a dict of arrays. `problems` has a line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def describe(error: BaseException, code: Path) -> dict[str, Any]:
    """Return the error's `message`, one line, and its `traceback`, which starts at the model's own frames.

    `disk_full` says whether a full disk is the reason.
    """
    if isinstance(error, BrokenContract):
        return {"message": str(error), "traceback": "", "disk_full": False}
    frames = _skip_worker_frames(error.__traceback__, code)
    report = traceback.TracebackException(type(error), error, frames)
    text = "".join(report.format()).replace(f'File "{code}{os.sep}', f'File "code{os.sep}')
    reason = next(iter(str(report).splitlines()), "")
    message = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    # The end of a traceback matters most.
    return {
        "message": message[:MAX_MESSAGE],
        "traceback": text[-MAX_TRACEBACK:],
        "disk_full": _is_disk_full(error),
    }


def _is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that a file cannot grow."""
    for _ in range(MAX_CAUSES):
        if error is None:
            return False
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return True
        error = error.__cause__ or error.__context__
    return False


def _skip_worker_frames(frames: TracebackType | None, code: Path) -> TracebackType | None:
    """Return the frames from the first one in the model's code. Those of the worker would only confuse."""
    inside = f"{code}{os.sep}"
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith(inside):
        frames = frames.tb_next
    return frames
