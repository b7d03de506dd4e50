"""The conditions of operations, which the user chooses: the cache, the environments, and how workers run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import UNSET

from gitstore.environments import uv
from gitstore.environments.environment import BuiltEnvironment
from gitstore.environments.spec import EnvironmentSpec, choose_spec
from gitstore.environments.store import EnvironmentStore
from gitstore.errors import GitstoreError
from gitstore.git import process
from gitstore.git.config import read_user_config
from gitstore.records.record import Environment
from gitstore.run import engines
from gitstore.run.cache import user_cache
from gitstore.run.cache.cache import Cache
from gitstore.run.phases import LAUNCHERS
from gitstore.run.workplace import RuntimeSpec, Workplace
from gitstore.sandbox import gpus
from gitstore.sandbox.choice import Confinement, Sandbox
from gitstore.sandbox.limits import Limits
from gitstore.sandbox.output import STANDARD_ERROR
from gitstore.settings.schema import Settings

_SWITCH = {
    "on": True,
    "true": True,
    "yes": True,
    "1": True,
    "off": False,
    "false": False,
    "no": False,
    "0": False,
}

_log = logging.getLogger(__name__)

_DIRECTORY = "environments"


@dataclass(frozen=True)
class Conditions:
    """What operations run with, beside what their settings say.

    If `unlocked`, packages are those of the settings' requirements, whatever packages.lock says. `engine` is
    what the user chose in the place of that in the settings, and `ray_address` the cluster to use, HOST:PORT.
    What workers print is copied to the descriptor `output`.
    """

    cache: Cache
    environments: EnvironmentStore
    sandbox: Sandbox
    unlocked: bool = False
    engine: str | None = None
    ray_address: str | None = None
    output: int = STANDARD_ERROR

    def confine(self, settings: Settings, operation: str) -> Confinement | None:
        """Return the sandbox for an operation with these settings; `None` if the user wants none."""
        if self.sandbox.off:
            return None
        launcher = getattr(settings.default_launchers, LAUNCHERS.get(operation, operation))
        disk = self.sandbox.disk or launcher.disk or settings.filesystem_size
        memory, cpus = self.sandbox.memory or launcher.memory, self.sandbox.cpus or launcher.cpus
        limits = Limits(memory, disk, cpus)
        confinement = Confinement(limits, self.sandbox.binds, self.sandbox.network)
        if launcher.gpus.count and self.engine == engines.RAY:
            values = {name: process.environment_variable(name) for name in gpus.VARIABLES}
            variables = {name: value for name, value in values.items() if value is not None}
            return replace(confinement, devices=gpus.list_devices(), variables=variables)
        return confinement

    @contextmanager
    def open_workplace(self, spec: RuntimeSpec, operation: str) -> Iterator[Workplace]:
        """Provide a place for one worker. `operation` is one of `phases.PHASES`.

        Its environment is built if it does not exist yet. Raises `NotCurrent` if packages.lock does not match
        the settings, and `EnvironmentFailed`.
        """
        wanted = choose_spec(spec.settings.packages, spec.lock, unlocked=self.unlocked)
        confinement = self.confine(spec.settings, operation)
        if self.engine is None:
            self._warn_of_mismatch(spec.settings, operation, confinement)
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
                environment_key=environment.key,
                confinement=confinement,
                output=self.output,
            )

    @staticmethod
    def _warn_of_mismatch(settings: Settings, operation: str, confinement: Confinement | None) -> None:
        problem = engines.describe_mismatch(settings, operation, is_confined=confinement is not None)
        if problem is not None:
            _log.warning(problem)

    def has_environment(self, spec: RuntimeSpec) -> bool:
        """Whether `open_workplace` finds an environment, and need not build it. Raises like that."""
        return self.environments.has(choose_spec(spec.settings.packages, spec.lock, unlocked=self.unlocked))


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


def find_conditions(directory: Path, sandbox: Sandbox | None = None, *, unlocked: bool = False) -> Conditions:
    """Return the conditions that git's configuration sets for the user. git reads it in `directory`.

    `sandbox` is what the user chooses for this operation; paths in it are relative to the current directory.
    Raises `GitstoreError` for a value that is invalid.
    """
    values = read_user_config("gitstore", directory, keys=(*user_cache.KEYS, "sandbox", "rayaddress"))
    sandbox = (sandbox or Sandbox()).check()
    if sandbox.off is None:
        sandbox = replace(sandbox, off=not _parse_switch(values.get("sandbox", "on")))
    cache = user_cache.make_user_cache(values)
    environments, address = find_environments(cache), values.get("rayaddress")
    return Conditions(cache, environments, sandbox, unlocked=unlocked, ray_address=address)


def find_environments(cache: Cache) -> EnvironmentStore:
    """Return the user's environments, which lie beside the cache."""
    variables = uv.select_variables(process.copy_variables())
    return EnvironmentStore(cache.directory / _DIRECTORY, variables)


def _parse_switch(text: str) -> bool:
    """Return whether a value switches the sandbox on."""
    if text.lower() not in _SWITCH:
        raise GitstoreError(
            f"gitstore.sandbox is {text!r}, which is neither on nor off",
            "git config --global gitstore.sandbox on sets it",
        )
    return _SWITCH[text.lower()]
