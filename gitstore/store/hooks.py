"""The hooks of a store: scripts in ROOT/hooks, which git runs in all of its repositories.

They name the Python that wrote them. `gitstore store init` writes them again.
"""

from __future__ import annotations

import importlib.resources
import os
import shlex
import sys
from pathlib import Path

from gitstore.disk.atomic import replace_file
from gitstore.errors import NotAStore

RECEIVING = ("pre-receive", "post-receive")
"""The hooks that start `gitstore store hook NAME`."""

NAMES = (*RECEIVING, "reference-transaction")


def render_hook(name: str) -> bytes:
    """Return the script of a hook."""
    template = "receive" if name in RECEIVING else name
    script = importlib.resources.files("gitstore.store").joinpath("scripts", f"{template}.sh").read_bytes()
    python = os.fsencode(shlex.quote(find_python()))
    return script.replace(b"@NAME@", name.encode()).replace(b"@PYTHON@", python)


def find_python() -> str:
    """Return the path of the Python that the hooks, and the lines of authorized_keys, start: this one."""
    return sys.executable


def write_hooks(directory: Path) -> list[str]:
    """Write the hooks that are missing or different. Returns their names. Each appears whole and durable."""
    changed = list_changed(directory)
    directory.mkdir(exist_ok=True)
    for name in changed:
        replace_file(directory / name, render_hook(name), mode=0o755)
    return changed


def check_runnable(directory: Path) -> None:
    """Raise `NotAStore` if git would not run a hook. Without hooks, git itself takes every push."""
    for name in NAMES:
        if not os.access(directory / name, os.X_OK):
            raise NotAStore(
                f"the hook {name} of this store is missing or not executable, so it takes no pushes",
                "its operator repairs it with gitstore store init ROOT",
            )


def list_changed(directory: Path) -> list[str]:
    """Return the names of the hooks that are missing, different, or not executable."""
    return [name for name in NAMES if not _is_current(directory / name, render_hook(name))]


def _is_current(path: Path, script: bytes) -> bool:
    try:
        return path.read_bytes() == script and os.access(path, os.X_OK)
    except OSError:
        return False
