"""Environments that cannot be built: one error each, which says why in a word, and nothing is left."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from gitstore.environments.spec import EnvironmentSpec
from gitstore.environments.store import EnvironmentStore
from gitstore.errors import EnvironmentFailed, GitstoreError
from tests.environments.conftest import Packages
from tests.support import combinations
from tests.support.failing import refuses
from tests.support.index import sdist
from tests.support.limits import limit


@contextmanager
def fails(reason: str, *things: object, hint: str = "") -> Iterator[None]:
    """Building fails for this reason, in one line."""
    with refuses(*things, hint=hint, kind=EnvironmentFailed) as caught:
        yield
    assert caught.value.details() == {"at": "environment", "reason": reason}
    assert len(caught.value.message.splitlines()) == 1
    assert len(caught.value.message) < 500


def build(packages: Packages, spec: EnvironmentSpec, **variables: str) -> None:
    store = EnvironmentStore(packages.store.directory, packages.variables | variables)
    try:
        with store.open(spec):
            pass
    finally:
        assert packages.left() == []


def test_other_bytes_than_the_lock_s(packages: Packages) -> None:
    spec = packages.lock()
    packages.add("numpy", "1.0", more={"more.py": ""})
    with fails("hash_mismatch", "numpy==1.0", hint="gitstore lock"):
        build(packages, spec)


def test_an_index_that_nobody_reaches(packages: Packages) -> None:
    spec = packages.lock()
    variables = {"UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple", "UV_HTTP_RETRIES": "0", "UV_FIND_LINKS": ""}
    with fails("index_unreachable", "127.0.0.1:1", hint="UV_DEFAULT_INDEX"):
        build(packages, spec, **variables)


def test_a_package_that_is_nowhere(packages: Packages) -> None:
    spec = replace(packages.lock(), requirements=f"nowhere==1.0 --hash=sha256:{'0' * 64}\n")
    with fails("no_wheel", "nowhere"):
        build(packages, spec)


def test_no_wheel_for_this_machine(packages: Packages) -> None:
    packages.add("alpha", "1.0", "py3-none-win32")
    with fails("no_wheel", "alpha", hint="packages.python"):
        build(packages, packages.lock("alpha==1.0"))


@combinations.rest
def test_a_package_that_has_to_be_built_is_not_unless_that_is_allowed(packages: Packages) -> None:
    mark = packages.wheels.parent / "built"
    (packages.wheels / "alpha-1.0.tar.gz").write_bytes(sdist("alpha", "1.0", mark))
    spec = EnvironmentSpec(None, "numpy==1.0\nalpha==1.0\n", unlocked=True)
    with fails("no_wheel", "alpha", hint="--allow-builds"):
        build(packages, spec)
    assert not mark.exists()
    with pytest.raises(EnvironmentFailed), packages.store.open(spec, allow_builds=True):
        pass  # its backend makes no wheel
    assert mark.exists()


@combinations.sample(2)
@pytest.mark.parametrize("text", ["this is no lock\n", "numpy==1.0\n", "numpy>=1 --hash=sha256:00\n", "\0\n"])
def test_a_broken_lock(text: str, packages: Packages) -> None:
    with fails("broken_lock", hint="gitstore lock"):
        build(packages, EnvironmentSpec(None, text))


def test_no_numpy(packages: Packages) -> None:
    packages.add("alpha", "1.0")
    requirements = packages.lock("alpha==1.0").requirements.partition("\n")[2]
    with fails("unusable", "numpy", hint="packages.requirements"):
        build(packages, EnvironmentSpec(None, requirements))


def test_no_room(packages: Packages) -> None:
    with fails("disk_full", hint="gitstore env rm"), limit(resource.RLIMIT_FSIZE, 2000):
        build(packages, packages.lock())


def test_a_place_that_cannot_be_written(packages: Packages) -> None:
    packages.store.directory.write_text("")
    with refuses(packages.store.directory, hint="gitstore.cacheDir", kind=EnvironmentFailed):
        build(packages, packages.lock())


def test_no_uv(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uv", None)
    with refuses("uv", hint="pip install uv", kind=GitstoreError):
        build(packages, packages.lock())
