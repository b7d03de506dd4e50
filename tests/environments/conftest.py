"""A place for environments, and packages to build them of that are as small as can be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from gitstore.environments.spec import EnvironmentSpec
from gitstore.environments.store import EnvironmentStore
from tests.support.index import wheel


class Packages:
    """A directory of wheels, the only packages that uv knows of, and a store of environments."""

    def __init__(self, root: Path) -> None:
        self.wheels = root / "wheels"
        self.wheels.mkdir()
        self.variables = {**os.environ, "UV_FIND_LINKS": str(self.wheels), "UV_CACHE_DIR": str(root / "uv")}
        self.store = EnvironmentStore(root / "environments", self.variables)
        self.add("numpy", "1.0")

    def add(
        self,
        name: str,
        version: str,
        tag: str = "py3-none-any",
        *,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Path:
        """Offer a package, for the platforms of a tag."""
        path = self.wheels / f"{name}-{version}-{tag}.whl"
        path.write_bytes(wheel(name, version, more=more))
        return path

    def lock(self, *others: str) -> EnvironmentSpec:
        """What a packages.lock asks for that has numpy and these other pins."""
        lines = []
        for pin in ("numpy==1.0", *others):
            (path,) = self.wheels.glob(f"{pin.replace('==', '-')}-*.whl")
            lines.append(f"{pin} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n")
        return EnvironmentSpec(None, "".join(lines))

    def left(self) -> list[str]:
        """What is in the store's directory."""
        return sorted(path.name for path in self.store.directory.glob("*"))


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path)
