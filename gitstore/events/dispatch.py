"""gitstore's own hooks: executables of the user's in git's hooks directory, named in `event`.

A pre-hook is asked, and can refuse. A post-hook is told, and changes nothing any more. Neither runs while we
hold a lock, so that it can call gitstore itself. What there is to say while one runs goes to the
log of this module: for the person, who does not get it as a result.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from msgspec import to_builtins

from gitstore.afterwards import only_warn
from gitstore.errors import GitstoreError
from gitstore.events import hooks_path
from gitstore.events import process as hook_process
from gitstore.events.events import Event
from gitstore.events.process import CannotStart
from gitstore.git.repository import Repository

_log = logging.getLogger(__name__)


class Refused(GitstoreError):
    """A hook of the user's said no. Nothing was done."""

    kind = "refused"


def ask(repository: Repository, event: Event) -> None:
    """Run the hook of something that is about to happen, if there is one.

    What it prints goes to the log line by line, but for the last line if it refuses, which is then its
    reason in the message. Raises `Refused` if it ends with anything but 0, or cannot be started.
    """
    path = find(repository, event.hook)
    if path is None:
        return
    last: list[str] = []

    def hear(line: str) -> None:
        if line.strip():
            _say(last)
            last[:] = [line.rstrip()]

    try:
        code = hook_process.run(path, cwd=repository.directory, stdin=content(repository, event), hear=hear)
    except CannotStart as error:
        raise Refused(f"the hook {event.hook} cannot be started: {error}", f"mend {path}") from error
    if code:
        reason = last[0] if last else how(code)
        raise Refused(f"the hook {event.hook} refuses: {reason}", f"it is {path}; --no-verify goes past it")
    _say(last)


def tell(repository: Repository, event: Event) -> None:
    """Run the hook of something that has happened, if there is one. Its failure is a warning in the log.

    What it prints goes to our standard error. Raises neither `GitstoreError` nor `OSError`: what it is told
    of has happened.
    """
    with only_warn(f"the hook {event.hook} cannot be run"):
        _tell(repository, event)


def _tell(repository: Repository, event: Event) -> None:
    path = find(repository, event.hook)
    if path is None:
        return
    try:
        code = hook_process.run(path, cwd=repository.directory, stdin=content(repository, event))
    except CannotStart as error:
        _log.warning("the hook %s cannot be started: %s; mend %s", event.hook, error, path)
        return
    if code:
        _log.warning("the hook %s failed: %s; it is %s", event.hook, how(code), path)


def find(repository: Repository, name: str) -> Path | None:
    """The hook of a name, if one can run. One that is not executable is a warning, as in git."""
    for directory in hooks_path.directories(repository):
        path = directory / name
        if os.access(path, os.X_OK):
            return path
        if path.exists() and repository.config("advice.ignoredHook") != "false":
            _log.warning("the hook %s is ignored because it is not executable; chmod +x makes it run", path)
    return None


def content(repository: Repository, event: Event) -> bytes:
    """What a hook reads: one JSON object on one line. What is not UTF-8 in a path is escaped in it."""
    place = {"repository": str(repository.common), "directory": str(repository.directory)}
    facts = to_builtins(event)
    values = {"hook": event.hook, "model": facts.pop("model"), **place, **facts}
    try:
        return json.dumps(values, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(values).encode() + b"\n"


def how(code: int) -> str:
    """How a hook ended, in words."""
    return f"exit code {code}" if code > 0 else f"it was ended by signal {-code}"


def _say(lines: list[str]) -> None:
    for line in lines:
        _log.info("%s", line)
