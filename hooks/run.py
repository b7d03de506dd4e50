"""Running one of gitstore's hooks by hand, to see what it does."""

from __future__ import annotations

import os
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.events import dispatch, hooks_path
from gitstore.events import process as hook_process
from gitstore.events.process import CannotStart
from gitstore.models.model import Model


class HookFailed(GitstoreError):
    """The hook that was run by hand did not exit with 0."""

    kind = "hook_failed"


def run_hook(model: Model, name: str, content: bytes) -> None:
    """Run a hook with `content` on standard input. Both its outputs go to standard error.

    Raises `HookFailed` for an exit code other than 0, and `GitstoreError` if there is no such hook.
    """
    path = _find_hook(model, name)
    try:
        code = hook_process.run(path, cwd=model.directory, stdin=content)
    except CannotStart as error:
        raise GitstoreError(f"the hook {name} cannot be started: {error}", f"fix {path}") from error
    if code:
        raise HookFailed(f"the hook {name} failed: {dispatch.describe_exit(code)}", f"it is {path}")


def _find_hook(model: Model, name: str) -> Path:
    hook = dispatch.find_hook(model.repository, name)
    if hook is not None:
        return hook
    path = hooks_path.list_directories(model.repository)[0] / name
    if os.path.lexists(path):
        raise GitstoreError(f"the hook {path} is not executable", f"chmod +x {path}")
    raise GitstoreError(f"there is no hook {name}", f"write an executable file {path}")
