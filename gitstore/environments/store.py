"""The user's environments: opening one, building it first if needed, listing and removing them.

They lie beside the cache of trees, and all repositories of the user share them. See `disk.entries` for how
processes share one. Removing environments only costs time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitstore.disk import entries
from gitstore.disk.entries import Cleared, RemovedEntry
from gitstore.environments.environment import BuiltEnvironment, explain_errors, read_environment
from gitstore.environments.interpreters import choose_interpreter
from gitstore.environments.spec import EnvironmentSpec
from gitstore.errors import EnvironmentFailed, GitstoreError

_KEYS = "[0-9a-f]" * 32
_SHORTEST = 4


@dataclass(frozen=True)
class EnvironmentStore:
    """A directory with environments. `variables` are the environment variables of uv.

    `None` stands for those of this process.
    """

    directory: Path
    variables: Mapping[str, str] | None = None

    @contextmanager
    def open(self, spec: EnvironmentSpec, *, allow_builds: bool = False) -> Iterator[BuiltEnvironment]:
        """Provide an environment, which stays while the block runs. If there is none, it is built first.

        Two processes do not build the same one at once: one of them waits. Raises `EnvironmentFailed`, after
        which nothing is left behind, and `GitstoreError` if uv is needed and not installed.
        """
        interpreter = choose_interpreter(spec.python, self.directory, variables=self.variables)
        key = self.directory / spec.compute_key(interpreter)

        def build(place: Path) -> None:
            from gitstore.environments.build import build_environment

            build_environment(place, spec, interpreter, variables=self.variables, allow_builds=allow_builds)

        with ExitStack() as stack:
            try:
                with explain_errors(self.directory):
                    path = stack.enter_context(entries.open_entry(key, is_sound=_is_sound, make=build))
            except BaseException:
                entries.remove_empty_keys([key])
                raise
            environment = read_environment(path)
            if environment is None:
                raise EnvironmentFailed(f"the environment {path} was removed meanwhile")
            yield environment

    def has(self, spec: EnvironmentSpec) -> bool:
        """Whether `open` finds an environment, if nobody has changed it. Raises like `open`."""
        return bool(entries.list_entries(self.directory / self.identify(spec)))

    def identify(self, spec: EnvironmentSpec) -> str:
        """Return the key of an environment, built or not. Raises like `open`."""
        return spec.compute_key(choose_interpreter(spec.python, self.directory, variables=self.variables))

    def list_environments(self) -> list[BuiltEnvironment]:
        """Return all environments, least recently used first."""
        paths = (path for key in self._list_keys() for path in entries.list_entries(key))
        environments = [environment for path in paths if (environment := read_environment(path)) is not None]
        return sorted(environments, key=BuiltEnvironment.find_last_use)

    def find(self, abbreviation: str) -> list[BuiltEnvironment]:
        """Return the environments of the key that an abbreviation stands for.

        Raises `GitstoreError` if there is none or if it could be several.
        """
        environments = [
            environment
            for environment in self.list_environments()
            if environment.key.startswith(abbreviation) and len(abbreviation) >= _SHORTEST
        ]
        keys = {environment.key for environment in environments}
        if len(keys) != 1:
            problem = f"{len(keys)} of the environments' keys begin with" if keys else "no environment is"
            raise GitstoreError(f"{problem} {abbreviation}", "gitstore env list shows the keys")
        return environments

    def remove(self, environments: Sequence[BuiltEnvironment], *, dry_run: bool = False) -> Cleared:
        """Remove environments, except those that a process uses."""
        removed, in_use = [], 0
        for environment in environments:
            is_free = entries.remove_entry(environment.path, dry_run=dry_run)
            removed += [RemovedEntry(environment.key, environment.record.size)] if is_free else []
            in_use += not is_free
        if not dry_run:
            entries.remove_empty_keys(self._list_keys())
        return Cleared([], removed, in_use)

    def clear(self, *, only_leftovers: bool = False, dry_run: bool = False) -> Cleared:
        """Remove what killed builds left, and all environments that no process uses.

        With `only_leftovers`, whole environments stay. With `dry_run`, only return what would be removed.
        """
        leftovers = entries.sweep(self._list_keys(), dry_run=dry_run)
        cleared = self.remove([] if only_leftovers else self.list_environments(), dry_run=dry_run)
        return cleared._replace(leftovers=leftovers)

    def measure_size(self) -> int:
        """Return the bytes of all environments."""
        return sum(environment.record.size for environment in self.list_environments())

    def _list_keys(self) -> list[Path]:
        return sorted(self.directory.glob(_KEYS))


def _is_sound(path: Path) -> bool:
    environment = read_environment(path)
    return environment is not None and environment.is_sound()
