"""Calling gitstore's own hooks: the user's executables in git's hooks directory, one for each event.

A pre-hook can refuse. A post-hook is notified and changes nothing any more. Hooks run while gitstore holds
no lock, so that they can call gitstore. What people should see meanwhile goes to the log of this module.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from msgspec import to_builtins

from gitstore.disk.afterwards import only_warn
from gitstore.errors import GitstoreError
from gitstore.events import hooks_path, journal
from gitstore.events import process as hook_process
from gitstore.events.events import Event
from gitstore.events.process import CannotStart
from gitstore.git.repository import Repository

_log = logging.getLogger(__name__)


class HookRefused(GitstoreError):
    """A hook of the user's refused. Nothing was done."""

    kind = "refused"


def prepare(repository: Repository) -> None:
    """Read where hooks are, which takes a process of git, so that a later call need not wait for it."""
    with suppress(GitstoreError):
        hooks_path.list_directories(repository)


def call_pre_hook(repository: Repository, event: Event) -> bool:
    """Run the hook of something that is about to happen, if there is one, and return whether there is.

    Its output goes to the log line by line. If it refuses, the last line is the reason in the message
    instead. Raises `HookRefused` if it exits with anything but 0, or cannot be started.
    """
    journal.observe(repository)  # what an earlier command was killed before it could tell
    path = find_hook(repository, event.hook)
    if path is None:
        return False
    pending: list[str] = []  # the last line so far, which may turn out to be the reason

    def on_line(line: str) -> None:
        if line.strip():
            _log_lines(pending)
            pending[:] = [line.rstrip()]

    content = encode_event(repository, event)
    try:
        code = hook_process.run(path, cwd=repository.directory, stdin=content, on_line=on_line)
    except CannotStart as error:
        raise HookRefused(f"the hook {event.hook} cannot be started: {error}", f"fix {path}") from error
    if code:
        reason = pending[0] if pending else describe_exit(code)
        raise HookRefused(
            f"the hook {event.hook} refused: {reason}", f"the hook is {path}; --no-verify skips it"
        )
    _log_lines(pending)
    return True


def notify_post_hook(repository: Repository, event: Event) -> None:
    """Run the hook of something that has happened, if there is one, and append to the journal.

    Its output goes to standard error. Its failure is a warning in the log. Raises neither `GitstoreError`
    nor `OSError`: the event has happened.
    """
    journal.observe(repository)
    with only_warn(f"the hook {event.hook} cannot be run"):
        _run_post_hook(repository, event)


def _run_post_hook(repository: Repository, event: Event) -> None:
    path = find_hook(repository, event.hook)
    if path is None:
        return
    try:
        code = hook_process.run(path, cwd=repository.directory, stdin=encode_event(repository, event))
    except CannotStart as error:
        _log.warning("the hook %s cannot be started: %s; fix %s", event.hook, error, path)
        return
    if code:
        _log.warning("the hook %s failed: %s; it is %s", event.hook, describe_exit(code), path)


def find_hook(repository: Repository, name: str) -> Path | None:
    """Return the hook of this name if it can run. One that is not executable is a warning, as in git."""
    for directory in hooks_path.list_directories(repository):
        path = directory / name
        if os.access(path, os.X_OK):
            return path
        if path.exists() and repository.config("advice.ignoredHook") != "false":
            _log.warning("the hook %s is ignored because it is not executable; chmod +x makes it run", path)
    return None


def encode_event(repository: Repository, event: Event) -> bytes:
    """Return what a hook reads: one JSON object on one line. Bytes that are not UTF-8 are escaped in it."""
    paths = {"repository": str(repository.common), "directory": str(repository.directory)}
    facts = to_builtins(event)
    values = {"hook": event.hook, "model": facts.pop("model"), **paths, **facts}
    try:
        return json.dumps(values, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(values).encode() + b"\n"


def describe_exit(code: int) -> str:
    """Say how a hook ended, from its exit code, or from the signal that ended it, negated."""
    return f"exit code {code}" if code > 0 else f"it was ended by signal {-code}"


def _log_lines(lines: list[str]) -> None:
    for line in lines:
        _log.info("%s", line)
