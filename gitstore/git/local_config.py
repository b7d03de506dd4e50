"""The repository's own git configuration: the file `config` in its common directory, and no other.

Neither what the user's files say counts here, nor what an included file does, which a pull could change.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Protocol

from gitstore.disk.atomic import sync_directory, sync_file
from gitstore.errors import Locked
from gitstore.git.process import Ended, GitFailed

PATIENCE = 1.0
"""Seconds that a change waits for another one of the same file, which takes milliseconds."""

_PAUSE = 0.02
_NONE = 1  # how git config ends where it finds nothing
_NONE_TO_UNSET = 5
_BUSY = "could not lock config file"


class AttemptGit(Protocol):
    """Runs stock git in a repository, like `Repository.attempt`."""

    def __call__(self, *arguments: str) -> Ended:
        """Return how it ended."""


class LocalConfig:
    """The configuration of one repository, read and written by stock git."""

    def __init__(self, path: Path, attempt: AttemptGit) -> None:
        self.path = path
        self._attempt = attempt
        self._stamp: tuple[int, ...] | None = None
        self._named: tuple[str, dict[str | None, str]] = ("", {})

    def subsections(self, section: str, variable: str) -> dict[str | None, str]:
        """What `SECTION.SUBSECTION.VARIABLE` is for each subsection, and with none (`None`).

        Of several values the last one counts, as git has it. Raises `GitFailed` if git cannot read the file.
        """
        try:
            status = self.path.stat()
            mentioned = variable.lower().encode() in self.path.read_bytes().lower()
        except FileNotFoundError:
            return {}
        if not mentioned:  # as a rule, and then no process is needed
            return {}
        key = f"{section}.*.{variable}"
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if (self._stamp, self._named[0]) != (stamp, key):
            self._named, self._stamp = (key, self._read(section.lower(), variable.lower())), stamp
        return self._named[1]

    def _read(self, section: str, variable: str) -> dict[str | None, str]:
        pattern = rf"^{section}\.(.*\.)?{variable}$"
        arguments = ("config", "--file", str(self.path), "-z", "--get-regexp", pattern)
        done = self._attempt(*arguments)
        if done.returncode not in (0, _NONE):
            raise GitFailed(arguments, done.returncode, done.stderr)
        values: dict[str | None, str] = {}
        for entry in os.fsdecode(done.stdout).split("\0")[:-1]:
            key, _, value = entry.partition("\n")  # without a value there is no newline either
            middle = key.removeprefix(section).removesuffix(variable)
            values[middle[1:-1] if len(middle) > 1 else None] = value
        return values

    def set(self, key: str, value: str) -> None:
        """Set a value, in the place of all there are. Atomic and durable. Raises `Locked`."""
        self._change("--replace-all", key, value)

    def unset(self, key: str) -> None:
        """Remove all values of a key, if there are any. Atomic and durable. Raises `Locked`."""
        self._change("--unset-all", key)

    def _change(self, *arguments: str) -> None:
        deadline, tried = time.monotonic() + PATIENCE, 0
        lock = Path(f"{os.path.realpath(self.path)}.lock")
        while True:
            done = self._attempt("config", "--file", str(self.path), *arguments)
            if done.returncode in (0, _NONE_TO_UNSET):
                break
            tried += 1
            # The lock may have gone since git met it; a second time, it was something else.
            if _BUSY not in done.stderr or (tried > 1 and not lock.exists()):
                raise GitFailed(("config",), done.returncode, done.stderr)
            if time.monotonic() > deadline:
                raise Locked(
                    f"{self.path} is locked by another git process",
                    f"if none is running, a crash left the lock: remove {lock}",
                )
            time.sleep(_PAUSE)
        self._stamp = None
        sync_file(self.path)  # git syncs neither
        sync_directory(Path(os.path.realpath(self.path)).parent)
