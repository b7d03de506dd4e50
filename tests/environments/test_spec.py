"""Which environment settings and packages.lock ask for, and what its key depends on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

import gitstore
from gitstore.environments import lockfile
from gitstore.environments.interpreters import describe_own
from gitstore.environments.lockfile import LockStatus, NotCurrent
from gitstore.environments.spec import EnvironmentSpec, choose_spec, read_plain_lock
from gitstore.settings import Packages
from tests.support.failing import refuses
from tests.support.wheels import NUMPY

WANTED = Packages(python="3.12", requirements=("beta==2.0", "alpha==1.0"))
BODY = "alpha==1.0 \\\n    --hash=sha256:00\n    # via beta\nbeta==2.0 \\\n    --hash=sha256:11\n"
LOCK = lockfile.render(WANTED, BODY)


def test_requirements_with_a_current_lock_are_what_it_says() -> None:
    spec = choose_spec(WANTED, LOCK)
    assert (spec.python, spec.unlocked, spec.lock) == ("3.12", False, LOCK)
    assert spec.requirements.encode() == LOCK
    assert spec.count_packages() == 2


@pytest.mark.parametrize(
    ("packages", "lock"),
    [
        (WANTED, None),
        (Packages(python="3.11", requirements=WANTED.requirements), LOCK),
        (WANTED, LOCK + b"gamma==1.0\n"),
        (WANTED, b"alpha==1.0\n"),
        (Packages(), LOCK),
        (Packages(), b"alpha==1.0\n"),
    ],
)
def test_any_other_lock_is_refused(packages: Packages, lock: bytes | None) -> None:
    with refuses("packages.lock", hint="--no-lock", kind=NotCurrent) as caught:
        choose_spec(packages, lock)
    assert "gitstore lock" in (caught.value.hint or "")


@pytest.mark.parametrize("lock", [None, LOCK, b"alpha==7.0\n"])
def test_unlocked_the_settings_alone_count(lock: bytes | None) -> None:
    spec = choose_spec(WANTED, lock, unlocked=True)
    assert spec == EnvironmentSpec("3.12", "alpha==1.0\nbeta==2.0\n", unlocked=True)


@pytest.mark.parametrize("unlocked", [False, True])
def test_without_requirements_it_is_the_plain_one(unlocked: bool) -> None:
    spec = choose_spec(Packages(python="3.12"), None, unlocked=unlocked)
    assert spec == EnvironmentSpec("3.12", read_plain_lock())


def test_the_plain_lock_is_one_that_gitstore_made() -> None:
    """Whoever edits it by hand breaks its digest; whoever makes it anew pins numpy, and nothing else."""
    lock = read_plain_lock()
    pin = f"numpy=={NUMPY}"
    assert lockfile.check_content(Packages(requirements=(pin,)), lock.encode()) is LockStatus.CURRENT
    assert lockfile.list_pins(lock.encode()) == [pin]
    hashes = re.findall(r"^    --hash=sha256:([0-9a-f]{64})(?: \\)?$", lock, re.MULTILINE)
    assert len(hashes) == len(set(hashes)) == len(lock.splitlines()) - 4
    assert len(hashes) > 20  # for each platform


def test_the_plain_lock_is_installed() -> None:
    """An editable install finds a file that pyproject.toml does not list; a wheel lacks it."""
    tools = tomllib.loads((Path(gitstore.__file__).parents[1] / "pyproject.toml").read_text())["tool"]
    assert tools["setuptools"]["package-data"]["gitstore.environments"] == ["plain.lock"]


def key(spec: EnvironmentSpec, **facts: str) -> str:
    return spec.compute_key(msgspec.structs.replace(describe_own(), **facts))


def test_the_key_is_the_packages_and_the_interpreter() -> None:
    spec = choose_spec(WANTED, LOCK)
    assert re.fullmatch("[0-9a-f]{32}", key(spec))
    others = [
        key(EnvironmentSpec("3.12", BODY.replace("00", "22"))),
        key(EnvironmentSpec("3.12", BODY.replace("==1.0", "==1.1"))),
        key(EnvironmentSpec("3.12", BODY, unlocked=True)),
        *(key(spec, **{fact: "x"}) for fact in ("version", "implementation", "abi", "platform")),
    ]
    assert len({key(spec), *others}) == len(others) + 1


def test_the_key_is_not_the_comments_nor_the_interpreter_s_place() -> None:
    spec = choose_spec(WANTED, LOCK)
    assert key(spec) == key(EnvironmentSpec(None, BODY.replace("    # via beta\n", "")))
    assert key(spec) == key(spec, path="/elsewhere/python")
