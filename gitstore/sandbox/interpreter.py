"""What an interpreter of Python needs to run: its own directories, and the links that lead to it.

It is found out without running it: from its path, its pyvenv.cfg (the documentation of `venv` and of `site`),
and the layout of an installation, which has lib/pythonX.Y below its prefix.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitstore.errors import GitstoreError

PARTS = ("bin", "include", "lib", "lib32", "lib64", "libexec", "ssl", "pyvenv.cfg")
"""What is shown of a prefix. Others may have there what is no part of Python: a home, a project."""

_MOST_LINKS = 20


@dataclass(frozen=True)
class InterpreterFiles:
    """The directories to show, and the links to make, each with what it points to."""

    directories: tuple[Path, ...]
    links: tuple[tuple[str, Path], ...]


def find_interpreter(python: Path) -> InterpreterFiles:
    """Find what `python`, an absolute path, needs. Raises GitstoreError if there is no such program."""
    hops = list(_follow(python))
    if not os.access(python, os.X_OK):
        raise GitstoreError(f"{python} is no Python that can be run", "gitstore env list shows environments")
    prefixes = [python.parent.parent, hops[-1].parent.parent, *_find_homes(python.parent.parent)]
    directories = [
        prefix / part
        for prefix in dict.fromkeys(prefixes)
        if any(prefix.glob("lib*/python3*"))
        for part in PARTS
        if (prefix / part).exists()
    ]
    outside = [hop for hop in hops if not any(hop.is_relative_to(directory) for directory in directories)]
    links = tuple((str(hop.readlink()), hop) for hop in outside if hop.is_symlink())
    return InterpreterFiles(tuple(dict.fromkeys(directories)), links)


def _follow(path: Path) -> Iterator[Path]:
    """Yield a path, and each path that its links lead to. The directories on the way are real ones."""
    for _ in range(_MOST_LINKS):
        yield path
        if not path.is_symlink():
            return
        path = Path(os.path.normpath(Path(os.path.realpath(path.parent), path.readlink())))


def _find_homes(environment: Path) -> Iterator[Path]:
    """Yield the prefix of the Python that an environment was made with, if it is one."""
    try:
        text = (environment / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() == "home" and Path(value.strip()).is_absolute():
            yield Path(value.strip()).parent
            yield Path(os.path.realpath(value.strip())).parent
