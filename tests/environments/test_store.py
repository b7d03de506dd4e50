"""Environments are built once, shared, held while they are used, and removed when nobody uses them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitstore.environments.environment import BuiltEnvironment
from gitstore.environments.spec import EnvironmentSpec
from gitstore.environments.store import EnvironmentStore
from gitstore.errors import GitstoreError
from tests.environments.conftest import Packages
from tests.support import combinations
from tests.support.failing import refuses
from tests.support.index import Index, serving

BUILD = """
import sys
from pathlib import Path
from gitstore.environments.spec import EnvironmentSpec
from gitstore.environments.store import EnvironmentStore
with EnvironmentStore(Path(sys.argv[1])).open(EnvironmentSpec(None, "numpy==1.0\\n", unlocked=True)):
    pass
"""


def build(packages: Packages, spec: EnvironmentSpec | None = None) -> BuiltEnvironment:
    with packages.store.open(spec or packages.lock()) as environment:
        return environment


def run(environment: BuiltEnvironment, code: str) -> str:
    return subprocess.check_output([environment.python, "-I", "-B", "-c", code], text=True).strip()


def site(environment: BuiltEnvironment) -> Path:
    return next(environment.path.glob("venv/lib/*/site-packages"))


def test_it_has_the_packages_of_the_lock_and_no_others(packages: Packages) -> None:
    packages.add("alpha_two", "1.5")
    environment = build(packages, packages.lock("alpha_two==1.5"))
    assert run(environment, "import alpha_two; print(alpha_two.VERSION)") == "1.5"
    assert environment.record.packages == ("alpha-two==1.5", "numpy==1.0")
    assert environment.record.size > 1000
    for name in ("click", "gitstore", "pygit2", "pip", "setuptools"):
        with pytest.raises(subprocess.CalledProcessError):
            run(environment, f"import os; os.dup2(os.open('/dev/null', 1), 2); import {name}")


def test_it_is_read_only_compiled_and_shares_no_file(packages: Packages) -> None:
    environment = build(packages)
    files = [path for path in environment.path.rglob("*") if not path.is_symlink()]
    venv = environment.path / "venv"
    assert [path for path in files if path.stat().st_mode & 0o222 and path.is_relative_to(venv)] == []
    assert [path for path in files if path.is_file() and path.stat().st_nlink > 1] == []
    assert list(site(environment).glob("numpy/__pycache__/__init__.*.pyc"))
    assert not list(environment.path.glob(".*"))


@combinations.rest
def test_programs_of_packages_work_where_it_is(packages: Packages) -> None:
    more = {
        "hello/__init__.py": "import sys\ndef main(): print(sys.prefix)\n",
        "INFO/entry_points.txt": "[console_scripts]\nhello = hello:main\n",
    }
    packages.add("hello", "1.0", more=more)
    environment = build(packages, packages.lock("hello==1.0"))
    venv = environment.path / "venv"
    assert subprocess.check_output([venv / "bin" / "hello"], text=True).strip() == str(venv)


def test_no_code_of_a_package_runs_while_it_is_built(packages: Packages, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    more = {
        "evil.pth": f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n",
        "bad.py": "this is no Python",
    }
    packages.add("evil", "1.0", more=more)
    environment = build(packages, packages.lock("evil==1.0"))
    assert not mark.exists()
    run(environment, "pass")
    assert mark.exists()


def test_a_second_use_starts_no_program(packages: Packages, tmp_path: Path) -> None:
    spec = packages.lock()
    environment = build(packages, spec)
    os.utime(environment.path, (1, 1))
    with EnvironmentStore(packages.store.directory, {"PATH": "/nowhere"}).open(spec) as again:
        assert again.path == environment.path
    assert time.time() - environment.find_last_use() < 60


@combinations.rest
def test_without_a_network_uv_s_cache_is_enough(packages: Packages, tmp_path: Path) -> None:
    index = Index()
    index.add("numpy", "1.0")
    spec = packages.lock()
    with serving(index):
        variables = index.environment(tmp_path / "uv")
        store = EnvironmentStore(tmp_path / "one", {"PATH": os.environ["PATH"], **variables})
        with store.open(spec):
            pass
        index.asked.clear()
    other = EnvironmentStore(tmp_path / "other", store.variables)
    with other.open(spec) as environment:
        assert environment.record.packages == ("numpy==1.0",)


def test_two_at_once_build_one(packages: Packages) -> None:
    spec = packages.lock()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: build(packages, spec), range(2))
    assert first.path == second.path
    assert len(packages.store.list_environments()) == 1


@combinations.rest
def test_unlocked_is_another_one(packages: Packages) -> None:
    locked = build(packages)
    unlocked = build(packages, EnvironmentSpec(None, "numpy==1.0\n", unlocked=True))
    assert unlocked.key != locked.key
    assert (unlocked.record.unlocked, locked.record.unlocked) == (True, False)


def add_module(environment: BuiltEnvironment) -> None:
    site(environment).chmod(0o755)
    (site(environment) / "sneaked.py").touch()


def remove_package(environment: BuiltEnvironment) -> None:
    site(environment).chmod(0o755)
    (site(environment) / "numpy").rename(site(environment) / "umpy")


def replace_interpreter(environment: BuiltEnvironment) -> None:
    environment.python.parent.chmod(0o755)
    environment.python.unlink()
    environment.python.symlink_to("/bin/sh")


def remove_interpreter(environment: BuiltEnvironment) -> None:
    environment.python.parent.chmod(0o755)
    environment.python.unlink()


def damage_record(environment: BuiltEnvironment) -> None:
    (environment.path / "environment.json").chmod(0o644)
    (environment.path / "environment.json").write_text("{}")


CHANGES = [add_module, remove_package, replace_interpreter, remove_interpreter, damage_record]


@combinations.sample(3)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_one_is_built_again(change: Callable[[BuiltEnvironment], None], packages: Packages) -> None:
    before = build(packages)
    change(before)
    after = build(packages)
    assert after.path != before.path
    assert after.is_sound()
    assert not before.path.exists()
    assert [environment.path for environment in packages.store.list_environments()] == [after.path]


@combinations.rest
def test_one_that_changes_in_use_stays_until_it_is_free(packages: Packages) -> None:
    with packages.store.open(packages.lock()) as before:
        add_module(before)
        after = build(packages)
        assert after.path != before.path
        assert before.path.exists()
    build(packages)
    assert packages.store.clear(dry_run=True).freed > 0
    assert len(packages.store.list_environments()) <= 2


def test_one_in_use_is_not_removed(packages: Packages) -> None:
    with packages.store.open(packages.lock()) as environment:
        assert environment.is_in_use()
        cleared = packages.store.clear()
        assert (cleared.removed, cleared.in_use) == ([], 1)
        assert environment.is_sound()
    assert not environment.is_in_use()
    assert packages.store.clear(dry_run=True).removed == [(environment.key, environment.record.size)]
    assert packages.store.clear().freed == environment.record.size
    assert packages.left() == []


def test_an_abbreviated_key_must_be_of_one(packages: Packages) -> None:
    key = build(packages).key
    assert [one.key for one in packages.store.find(key[:4])] == [key]
    for wrong in ("", key[:3], "zzzz", f"{key}0"):
        with refuses(wrong, hint="gitstore env list", kind=GitstoreError):
            packages.store.find(wrong)


class TestWhatIsInterrupted:
    """A build that waits for an index which does not answer."""

    @pytest.fixture
    def index(self) -> Index:
        index = Index()
        index.add("numpy", "1.0")
        return index

    def start(self, index: Index, directory: Path, cache: Path) -> subprocess.Popen[bytes]:
        variables = {**os.environ, **index.environment(cache), "PYTHONPATH": str(Path(__file__).parents[2])}
        del variables["UV_FIND_LINKS"]
        process = subprocess.Popen([sys.executable, "-c", BUILD, str(directory)], env=variables)
        assert index.asked.wait(30)
        return process

    def test_by_a_kill_never_counts(self, index: Index, packages: Packages, tmp_path: Path) -> None:
        store = packages.store
        with serving(index):
            index.free.clear()
            process = self.start(index, store.directory, tmp_path / "own-uv")
            process.kill()
            process.wait()
            assert store.list_environments() == []
            # uv lives on, and holds what it builds.
            assert store.clear().leftovers == []
            index.free.set()
            deadline = time.monotonic() + 30
            while not (left := store.clear(only_leftovers=True).leftovers) and time.monotonic() < deadline:
                time.sleep(0.02)
        assert len(left) == 1
        store.clear()
        assert packages.left() == []

    @combinations.rest
    def test_by_ctrl_c_leaves_nothing(self, index: Index, packages: Packages, tmp_path: Path) -> None:
        with serving(index):
            index.free.clear()
            process = self.start(index, packages.store.directory, tmp_path / "own-uv")
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == -signal.SIGINT
        assert packages.left() == []

    @combinations.rest
    def test_the_next_build_is_complete(self, index: Index, packages: Packages, tmp_path: Path) -> None:
        with serving(index):
            index.free.clear()
            process = self.start(index, packages.store.directory, tmp_path / "own-uv")
            process.kill()
            process.wait()
            threading.Timer(0.2, index.free.set).start()
            spec = EnvironmentSpec(None, "numpy==1.0\n", unlocked=True)
            assert build(packages, spec).is_sound()
        assert packages.store.clear(only_leftovers=True).leftovers == []
