"""The action `run`: a program of the operator's, with the event on standard input."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from gitstore.automation.actions import cloud_event
from gitstore.automation.actions.result import ActionResult
from gitstore.automation.rules import RunAction
from gitstore.events import process
from gitstore.events.dispatch import describe_exit
from gitstore.events.process import CannotStart, TookTooLong
from gitstore.outbox.events import ModelEvent

_LINES, _WIDTH = 20, 500


def run(action: RunAction, event_id: str, event: ModelEvent, *, source: str, directory: Path) -> ActionResult:
    """Run the program once, in `directory`. Its last lines of output are the detail."""
    printed: deque[str] = deque(maxlen=_LINES)
    try:
        code = process.run(
            Path(action.command[0]),
            cwd=directory,
            stdin=cloud_event.encode(event_id, event, source=source) + b"\n",
            on_line=lambda line: printed.append(line[:_WIDTH]),
            arguments=action.command[1:],
            timeout=action.timeout,
        )
    except CannotStart as error:
        return ActionResult("failed", f"{action.command[0]} cannot be started: {error}")
    except TookTooLong:
        return ActionResult("failed", _describe(f"it took longer than {action.timeout:g} s", printed))
    how = "exit code 0" if code == 0 else describe_exit(code)
    return ActionResult("delivered" if code == 0 else "failed", _describe(how, printed))


def _describe(how: str, printed: deque[str]) -> str:
    return "\n".join([how, *printed])
