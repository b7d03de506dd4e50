"""How a worker ended: what its guardian says, and the error for one that has not answered."""

from __future__ import annotations

import signal
from typing import NamedTuple

from gitstore.errors import CodeTerminated, GitstoreError, LauncherTerminated
from gitstore.sandbox.limits import MAX_PROCESSES
from gitstore.sandbox.plan import NoSandbox

MORE_MEMORY = "--memory gives it more, and so does default_launchers in settings.yaml"
MORE_DISK = "--disk gives it more, and so does default_launchers in settings.yaml"


class Ending(NamedTuple):
    """Why a worker ended, as its guardian says: `reason` is "-" if the worker ended by itself.

    Others: `out_of_memory`, `disk_full`, `too_many_processes`; `not_started` with a `text`, if there was no
    sandbox; `lost`, if the guardian did not say. `peak` is the most memory that was measured, in bytes.
    """

    reason: str = "-"
    peak: int = 0
    text: str = ""


def make_termination(ending: Ending, phase: str, *, returncode: int | None) -> GitstoreError:
    """Return the error for a worker that ended in `phase`.

    `returncode` is as in subprocess; `None` for a worker that had not ended, and was killed.
    """
    match ending.reason:
        case "not_started":
            return NoSandbox(ending.text or "bwrap has ended without a message")
        case "lost":
            return LauncherTerminated(f"{phase}: the process that guards the model was killed", phase=phase)
        case "out_of_memory":
            message = "the model was killed because it used more memory than it may"
            return _make(phase, message, MORE_MEMORY, number=signal.SIGKILL, oom=True)
        case "too_many_processes":
            message = f"the model was killed because it started more than {MAX_PROCESSES} processes"
            return _make(phase, message, number=signal.SIGKILL)
    is_full = ending.reason == "disk_full"
    if returncode is None:
        return _make(phase, "the model's process closed its connection, and was killed before it answered")
    if returncode < 0:
        message = f"the model's process was killed by signal {-returncode} ({_name_signal(-returncode)})"
    else:
        message = f"the model's process exited with code {returncode}"
    return CodeTerminated(
        f"{phase}: {message} before it answered{': its disk is full' if is_full else ''}",
        MORE_DISK if is_full else None,
        phase=phase,
        returncode=returncode if returncode >= 0 else None,
        signal=-returncode if returncode < 0 else None,
        disk_full=is_full,
    )


def _make(
    phase: str,
    message: str,
    hint: str | None = None,
    *,
    number: int | None = signal.SIGKILL,
    oom: bool = False,
) -> CodeTerminated:
    return CodeTerminated(f"{phase}: {message}", hint, phase=phase, signal=number, oom=oom)


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "a real-time signal"
