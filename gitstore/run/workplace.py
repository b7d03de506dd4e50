"""Where a worker runs: the interpreter that it has, and what is kept from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitstore.records.record import Environment
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
    read-only for it. If the system allows it, the worker cannot write below `read_only` either. Records keep
    `environment` and `sandbox`: what is known of the packages, and how the worker is confined.
    """

    python: Path
    directories: tuple[Path, ...] = ()
    read_only: Path | None = None
    environment: Environment | None = None
    sandbox: dict[str, Any] | None = None

    @property
    def is_unlocked(self) -> bool:
        """Whether uv chose the packages, and not packages.lock."""
        return self.environment is not None and self.environment.unlocked
