"""An environment on disk: an interpreter and its packages, as a virtual environment that nobody writes to.

    KEY/NAME/venv/              what uv made; read-only
    KEY/NAME/environment.json   the record: what it is, and the marks by which a change shows

An operation looks at a few of the files only, because a look at all of them would take longer than the
operation. They show whether the interpreter is another one than when the environment was made, and whether
packages were added or removed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from gitstore.disk import entries
from gitstore.disk.atomic import replace_file
from gitstore.environments.interpreters import FileStamp, Interpreter
from gitstore.errors import EnvironmentFailed

VENV = "venv"
PYTHON = "bin/python"
"""The interpreter's place in a virtual environment."""

VERSION = 1

NO_ROOM = (
    "gitstore env rm --unused frees environments;"
    " git config --global gitstore.cacheDir DIR puts them elsewhere"
)
"""The hint for a disk that cannot take an environment."""

_RECORD = "environment.json"


class EnvironmentRecord(msgspec.Struct, frozen=True):
    """What an environment is.

    `packages` has its packages, like numpy==2.4.6. `marks` has the times, in nanoseconds, of directories and
    files of the virtual environment. `size` is in bytes.
    """

    version: int
    interpreter: Interpreter
    stamp: FileStamp
    unlocked: bool
    packages: tuple[str, ...]
    marks: dict[str, int]
    size: int


class BuiltEnvironment(NamedTuple):
    """An environment that is complete. `path` is its directory."""

    path: Path
    record: EnvironmentRecord

    @property
    def key(self) -> str:
        """The name of the environment."""
        return self.path.parent.name

    @property
    def python(self) -> Path:
        """The interpreter, which finds the packages."""
        return self.path / VENV / PYTHON

    @property
    def directory(self) -> Path:
        """The directory that a process needs to see to run it, beside the interpreter's own."""
        return self.path / VENV

    def is_sound(self) -> bool:
        """Whether its interpreter is unchanged, and nothing was added to its packages or removed."""
        record = self.record
        return (
            FileStamp.read(str(self.python)) == record.stamp
            and read_marks(self.path / VENV, tuple(record.marks)) == record.marks
        )

    def find_last_use(self) -> float:
        """Return when it was last opened, in seconds since the epoch; 0 if it is gone."""
        return entries.find_last_use(self.path)

    def is_in_use(self) -> bool:
        """Whether an operation runs in it now."""
        return entries.is_in_use(self.path)


def read_marks(venv: Path, names: tuple[str, ...]) -> dict[str, int] | None:
    """Return the times of some of a virtual environment's files and directories; `None` if one is missing."""
    try:
        return {name: os.lstat(venv / name).st_mtime_ns for name in names}
    except OSError:
        return None


def write_record(directory: Path, record: EnvironmentRecord) -> None:
    """Write the record of an environment, durably."""
    replace_file(directory / _RECORD, msgspec.json.encode(record), mode=0o444)


def read_environment(path: Path) -> BuiltEnvironment | None:
    """Read the environment in a directory; `None` if its record is missing, damaged or of another version."""
    try:
        record = msgspec.json.decode((path / _RECORD).read_bytes(), type=EnvironmentRecord)
    except (OSError, msgspec.DecodeError):
        return None
    return BuiltEnvironment(path, record) if record.version == VERSION else None


@contextmanager
def explain_errors(directory: Path) -> Iterator[None]:
    """Raise `EnvironmentFailed` for an error of the system, such as a full disk."""
    try:
        yield
    except OSError as error:
        reason = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "other"
        raise EnvironmentFailed(
            f"the environment cannot be written to {directory}: {error.strerror}",
            NO_ROOM,
            reason=reason,
        ) from error
