"""The conditions of operations, which the user chooses: the cache, and how workers run."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from gitstore.records.record import Environment
from gitstore.run.cache.cache import Cache
from gitstore.run.cache.user_cache import find_user_cache
from gitstore.run.workplace import RuntimeSpec, Workplace


@dataclass(frozen=True)
class Conditions:
    """What operations run with, beside what their settings say."""

    cache: Cache

    @contextmanager
    def open_workplace(self, spec: RuntimeSpec, operation: str) -> Iterator[Workplace]:  # noqa: ARG002
        """Provide a place for one worker. `operation` is one of `phases.PHASES`."""
        environment = Environment(python=platform.python_version(), packages=[f"numpy=={version('numpy')}"])
        yield Workplace(Path(sys.executable), read_only=self.cache.directory, environment=environment)


def find_conditions(directory: Path) -> Conditions:
    """Return the conditions that git's configuration sets for the user. git reads it in `directory`.

    Raises `GitstoreError` for a value that is invalid.
    """
    return Conditions(find_user_cache(directory))
