"""Where a worker runs: the interpreter that it has, and what is kept from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitstore.records.record import Environment
from gitstore.sandbox.choice import NONE, Confinement
from gitstore.sandbox.output import STANDARD_ERROR
from gitstore.settings.schema import Settings


@dataclass(frozen=True)
class RuntimeSpec:
    """What a snapshot or a working copy says about how its code runs.

    `lock` is the content of packages.lock, `None` if there is none.
    """

    settings: Settings
    lock: bytes | None


@dataclass(frozen=True)
class Files:
    """The directories of one operation: the worker reads `code` and `state`, and writes to `out`."""

    code: Path
    state: Path | None = None
    out: Path | None = None


@dataclass(frozen=True)
class Workplace:
    """The place for one worker. `python` is the interpreter that runs it.

    `directories` are those that it must see, beside the interpreter's own: its environment. They are
    read-only for it. With a `confinement`, it sees nothing else but the files of its operation. Without one,
    it has the user's rights, but cannot write below `read_only` if the system allows that. What it prints is
    copied to the descriptor `output`. Records keep `environment`, what is known of the packages, and
    `sandbox`. `environment_key` is the environment's name.
    """

    python: Path
    directories: tuple[Path, ...] = ()
    read_only: Path | None = None
    environment: Environment | None = None
    environment_key: str | None = None
    confinement: Confinement | None = None
    output: int = STANDARD_ERROR

    @property
    def is_unlocked(self) -> bool:
        """Whether uv chose the packages, and not packages.lock."""
        return self.environment is not None and self.environment.unlocked

    @property
    def is_confined(self) -> bool:
        """Whether a worker has fewer rights than the user."""
        return self.confinement is not None

    @property
    def sandbox(self) -> dict[str, Any]:
        """How the worker is confined, for records, hooks and --json."""
        return self.confinement.describe() if self.confinement is not None else dict(NONE)

    def describe(self) -> dict[str, Any]:
        """Describe it for results with --json and for hooks."""
        return {
            "environment": self.environment_key,
            "unlocked": self.is_unlocked,
            "sandbox": self.sandbox,
        }
