"""What the user chooses about the sandbox of an operation, and what follows for one operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gitstore.errors import GitstoreError
from gitstore.sandbox.limits import Limits
from gitstore.sandbox.view import check_bind
from gitstore.text import counted

SMALLEST_MEMORY = 128 << 20
"""The fewest bytes of memory that an operation may be given, as in settings.yaml."""

SMALLEST_SHARE, MOST_CORES = 0.125, 65536
"""The bounds of the cores of an operation, as in settings.yaml."""


@dataclass(frozen=True)
class Sandbox:
    """The user's choice for operations. What is `None` is left to git's configuration, or to settings.yaml.

    With `off`, the model's code runs with the user's own rights, and without limits but those of time.
    Otherwise it sees the directories `binds`, read-only, and has a network only with `network`. `memory` and
    `disk` are bytes, `cpus` cores.
    """

    off: bool | None = None
    binds: tuple[Path, ...] = ()
    network: bool = False
    cpus: float | None = None
    memory: int | None = None
    disk: int | None = None

    def check(self) -> Sandbox:
        """Return it with absolute paths. Raises `GitstoreError` for a value that cannot be had."""
        if self.cpus is not None and not SMALLEST_SHARE <= self.cpus <= MOST_CORES:
            raise GitstoreError(f"cpus: {self.cpus} is not from {SMALLEST_SHARE} to {MOST_CORES}")
        for name, size, least in (("memory", self.memory, SMALLEST_MEMORY), ("disk", self.disk, 1)):
            if size is not None and size < least:
                raise GitstoreError(f"{name}: {counted(size, 'byte is', 'bytes are')} less than {least}")
        return replace(self, binds=tuple(map(check_bind, self.binds)))


@dataclass(frozen=True)
class Confinement:
    """The sandbox of one operation.

    `devices` are those of GPUs that it may use, and `variables` say which of them are meant.
    """

    limits: Limits
    binds: tuple[Path, ...] = ()
    network: bool = False
    devices: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return it as records, hooks and --json have it: sizes in bytes."""
        return {
            "kind": "bubblewrap",
            "cpus": self.limits.cpus,
            "memory": self.limits.memory,
            "disk": self.limits.disk,
            "binds": [str(path) for path in self.binds],
            "network": self.network,
        }

    @classmethod
    def parse(cls, description: Mapping[str, Any]) -> Confinement | None:
        """Return the sandbox that `describe` has described; `None` for none."""
        if description.get("kind") != "bubblewrap":
            return None
        limits = Limits(description["memory"], description["disk"], description["cpus"])
        return cls(limits, tuple(map(Path, description["binds"])), description["network"])


NONE = {"kind": "none"}
"""The description of no sandbox."""
