"""The conditions of operations, which the user chooses: the cache, the environments, and how workers run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec import UNSET

from gitstore.environments import uv
from gitstore.environments.environment import BuiltEnvironment
from gitstore.environments.spec import EnvironmentSpec, choose_spec
from gitstore.environments.store import EnvironmentStore
from gitstore.git import process
from gitstore.records.record import Environment
from gitstore.run.cache.cache import Cache
from gitstore.run.cache.user_cache import find_user_cache
from gitstore.run.workplace import RuntimeSpec, Workplace

_log = logging.getLogger(__name__)

_DIRECTORY = "environments"


@dataclass(frozen=True)
class Conditions:
    """What operations run with, beside what their settings say.

    If `unlocked`, packages are those of the settings' requirements, whatever packages.lock says.
    """

    cache: Cache
    environments: EnvironmentStore
    unlocked: bool = False

    @contextmanager
    def open_workplace(self, spec: RuntimeSpec, operation: str) -> Iterator[Workplace]:  # noqa: ARG002
        """Provide a place for one worker. `operation` is one of `phases.PHASES`.

        Its environment is built if it does not exist yet. Raises `NotCurrent` if packages.lock does not match
        the settings, and `EnvironmentFailed`.
        """
        wanted = choose_spec(spec.settings.packages, spec.lock, unlocked=self.unlocked)
        if wanted.unlocked:
            _log.warning(
                "running unlocked: uv chose the packages, and another time or machine may get others;"
                " gitstore lock pins them"
            )
        with self.environments.open(wanted) as environment:
            yield Workplace(
                environment.python,
                directories=(environment.directory,),
                read_only=self.cache.directory,
                environment=_describe(environment, wanted),
            )


def _describe(environment: BuiltEnvironment, spec: EnvironmentSpec) -> Environment:
    """Return what records say of an environment."""
    record = environment.record
    return Environment(
        python=record.interpreter.version,
        packages=list(record.packages),
        packages_lock=UNSET if spec.lock is None else hashlib.sha256(spec.lock).hexdigest(),
        platform=record.interpreter.platform,
        unlocked=spec.unlocked,
    )


def find_conditions(directory: Path, *, unlocked: bool = False) -> Conditions:
    """Return the conditions that git's configuration sets for the user. git reads it in `directory`.

    Raises `GitstoreError` for a value that is invalid.
    """
    cache = find_user_cache(directory)
    return Conditions(cache, find_environments(cache), unlocked=unlocked)


def find_environments(cache: Cache) -> EnvironmentStore:
    """Return the user's environments, which lie beside the cache."""
    variables = uv.select_variables(process.copy_variables())
    return EnvironmentStore(cache.directory / _DIRECTORY, variables)
