"""Environments of tests: that of the tests themselves for most, and real ones that a run shares."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

from gitstore.environments.environment import VENV, VERSION, BuiltEnvironment, EnvironmentRecord
from gitstore.environments.interpreters import FileStamp, describe_own
from gitstore.environments.spec import EnvironmentSpec
from gitstore.environments.store import EnvironmentStore
from gitstore.run.cache.cache import Cache
from tests.support import lasting, wheels

_OWN_KEY = "0" * 32
_SHARED, _EMPTY = "environments", "empty-index"


class OwnEnvironment(EnvironmentStore):
    """Gives each operation the interpreter and the packages of the tests, so that nothing is built."""

    @contextmanager
    def open(self, spec: EnvironmentSpec, *, allow_builds: bool = False) -> Iterator[BuiltEnvironment]:
        yield BuiltEnvironment(own_directory() / _OWN_KEY / "own", _describe_own(spec.unlocked))

    def has(self, spec: EnvironmentSpec) -> bool:
        return True


def find_own(cache: Cache) -> EnvironmentStore:
    """What `conditions.find_environments` is in tests that do not want real environments."""
    return OwnEnvironment(cache.directory / "own")


@cache
def own_directory() -> Path:
    """Where those environments seem to be, for as long as this process lives."""
    directory = lasting.make_directory("own-environment")
    place = directory / _OWN_KEY / "own"
    place.mkdir(parents=True)
    (place / VENV).symlink_to(sys.prefix)
    return directory


def _describe_own(unlocked: bool) -> EnvironmentRecord:
    return EnvironmentRecord(
        version=VERSION,
        interpreter=describe_own(),
        stamp=FileStamp(0, 0),
        unlocked=unlocked,
        packages=(f"numpy=={version('numpy')}",),
        marks={},
        size=0,
    )


def leave_out_shims(path: str) -> str:
    """Return a PATH without directories in which Python is a script that looks for one.

    There must be another Python in the rest; else the PATH stays as it is.
    """
    directories = [directory for directory in path.split(os.pathsep) if not _is_script(directory, "python3")]
    rest = os.pathsep.join(directories)
    return rest if shutil.which("python3", path=rest) else path


def _is_script(directory: str, name: str) -> bool:
    try:
        with open(os.path.join(directory, name), "rb") as program:
            return program.read(2) == b"#!"
    except OSError:
        return False


@cache
def make_empty_index(directory: Path) -> str:
    """Return an index on the disk that has no package. uv has no variable for no index at all."""
    (directory / _EMPTY).mkdir(parents=True, exist_ok=True)
    return (directory / _EMPTY).absolute().as_uri()


def share(root: Path, home: Path, patch: pytest.MonkeyPatch) -> None:
    """Let uv know the wheels of the tests alone, and have all homes of a run share their environments.

    `root` is a directory of this run, which all its processes have.
    """
    variables = {
        "UV_NO_CONFIG": "1",
        "UV_DEFAULT_INDEX": make_empty_index(root),
        "UV_FIND_LINKS": str(wheels.DIRECTORY),
        "UV_CACHE_DIR": str(root / "uv"),
    }
    for name in [each for each in os.environ if each.startswith("UV_") and each not in variables]:
        patch.delenv(name)
    set_variables(variables, patch)
    (home / "cache").mkdir()
    cache = home / "cache" / "gitstore"
    cache.mkdir(mode=0o700)
    (cache / _SHARED).symlink_to(_make_shared(root))


def set_variables(variables: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    """Set those variables of the environment that have other values, until a test is over."""
    for name, value in variables.items():
        if os.environ.get(name) != value:
            patch.setenv(name, value)


@cache
def _make_shared(root: Path) -> Path:
    (root / _SHARED).mkdir(exist_ok=True)
    return root / _SHARED
