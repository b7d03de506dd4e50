"""`gitstore lock`, with the real uv and a package index on the loopback interface."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.disk import locks
from gitstore.models.model import Model
from gitstore.settings import set_keys
from tests.support import models, spawning
from tests.support.commands import Fsck, Git, Run
from tests.support.index import Index, asked_alone, sdist, uv_cache


@pytest.fixture
def index(home: Path) -> Iterator[Index]:
    """An index with three packages, the only one that uv knows of; `alpha` needs the other two."""
    index = Index()
    index.add("alpha", "1.0", ["beta>=1", "gamma; sys_platform == 'win32'"])
    index.add("beta", "1.0")
    index.add("gamma", "1.0")
    with asked_alone(index, home / "uv"):
        yield index


@pytest.fixture
def top(tmp_path: Path, index: Index) -> Path:
    """A model that requires alpha, in a directory with a space and an umlaut."""
    directory = models.make(tmp_path / "mödel 1", name="digits").directory
    require(directory, "alpha==1.0")
    return directory


_made: list[bytes] = []


@pytest.fixture
def locked(run: Run, top: Path) -> Path:
    """The same model with the packages.lock that gitstore makes of it, for each run of the tests once."""
    path = top / "packages.lock"
    if not _made:
        assert run("lock", cwd=top).code == 0
        _made.append(path.read_bytes())
    path.write_bytes(_made[0])
    return top


def require(directory: Path, *requirements: str, python: str = "3.11") -> None:
    path = directory / "settings.yaml"
    packages = {"python": python, "requirements": list(requirements)}
    path.write_bytes(set_keys(path.read_bytes(), {"packages": packages}))


def offer_newer(index: Index, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer beta, which uv sees at once."""
    index.add("beta", "2.0")
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache(home / "another")))


def listing(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_it_pins_what_is_needed_in_turn_with_hashes(
    run: Run, top: Path, index: Index, tmp_path: Path
) -> None:
    assert run("lock", cwd=top).code == 0
    pins = ["alpha==1.0", "beta==1.0", "gamma==1.0 ; sys_platform == 'win32'"]
    content = (top / "packages.lock").read_bytes()
    lines = content.decode().splitlines()
    assert [line.rstrip("\\ ") for line in lines if line[0] not in "# "] == pins
    assert sum("--hash=sha256:" in line for line in lines) == 3
    assert b"127.0.0.1" not in content
    assert str(tmp_path).encode() not in content
    index.asked.clear()
    assert run("lock", "--check", cwd=top).code == 0
    assert json.loads(run("lock", "--json", cwd=top).stdout)["changed"] is False
    assert not index.asked.is_set()  # a current file needs no network
    (top / "packages.lock").unlink()
    assert run("lock", cwd=top).code == 0
    assert (top / "packages.lock").read_bytes() == content


def test_uv_installs_from_it(locked: Path, tmp_path: Path) -> None:
    import uv

    target = tmp_path / "installed"
    options = ["--quiet", "--require-hashes", f"--python={sys.executable}", f"--target={target}"]
    command = [uv.find_uv_bin(), "pip", "install", *options, "-r", "packages.lock"]
    subprocess.run(command, cwd=locked, check=True)
    assert (target / "alpha" / "__init__.py").read_text() == "VERSION = '1.0'\n"
    assert (target / "beta").exists()
    assert not (target / "gamma").exists()


def test_versions_stay_until_they_are_upgraded(
    run: Run, locked: Path, index: Index, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_newer(index, home, monkeypatch)
    require(locked, "alpha==1.0", "gamma==1.0")

    def changes(*options: str) -> tuple[list[str], list[str]]:
        report = json.loads(run("lock", *options, "--json", cwd=locked).stdout)
        return report["removed"], report["added"]

    assert changes() == (["gamma==1.0 ; sys_platform == 'win32'"], ["gamma==1.0"])
    assert changes("--upgrade-package", "BETA") == (["beta==1.0"], ["beta==2.0"])
    assert changes("--upgrade-package", "beta") == ([], [])


def test_upgrade_takes_the_newest_of_all(
    run: Run, locked: Path, index: Index, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_newer(index, home, monkeypatch)
    done = run("lock", "--upgrade", "--json", cwd=locked)
    assert json.loads(done.stdout) == {
        "path": str(locked / "packages.lock"),
        "python": "3.11",
        "changed": True,
        "packages": ["alpha==1.0", "beta==2.0", "gamma==1.0 ; sys_platform == 'win32'"],
        "added": ["beta==2.0"],
        "removed": ["beta==1.0"],
    }


def test_only_what_is_needed_can_be_upgraded(run: Run, top: Path) -> None:
    assert run("lock", "--upgrade-package", "delta", cwd=top).code == 1
    assert not (top / "packages.lock").exists()


def test_check_tells_what_is_not_right(run: Run, locked: Path) -> None:
    path, settings = locked / "packages.lock", locked / "settings.yaml"
    before, original = path.read_text(), settings.read_bytes()

    def status() -> str:
        assert run("lock", "--check", cwd=locked).code == 1
        report = json.loads(run("lock", "--check", "--json", cwd=locked).stdout)
        assert report["ok"] is False
        return str(report["status"])

    path.unlink()
    assert status() == "missing"
    path.write_text(before)
    require(locked, "beta==1.0")
    assert status() == "stale"
    settings.write_bytes(original)
    path.write_text(before.replace("beta==1.0", "beta==1.1"))
    assert status() == "edited"
    path.write_text("alpha==1.0\n")
    assert status() == "foreign"


def test_a_model_without_requirements_needs_none(run: Run, top: Path) -> None:
    require(top)
    assert run("lock", "--check", cwd=top).code == 0
    done = run("lock", "--json", cwd=top)
    assert json.loads(done.stdout)["path"] is None
    assert run("lock", cwd=top).code == 0
    assert not (top / "packages.lock").exists()


def test_requirements_that_go_leave_a_file_without_packages(run: Run, locked: Path) -> None:
    require(locked)
    assert run("lock", "--check", cwd=locked).code == 1
    assert json.loads(run("lock", "--json", cwd=locked).stdout)["packages"] == []
    assert run("lock", "--check", cwd=locked).code == 0


def test_an_edited_file_is_made_anew_and_nothing_of_it_counts(run: Run, locked: Path) -> None:
    path = locked / "packages.lock"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"--hash=sha256:", b"--hash=sha256:0", 1) + b"<<<<<<< ours\n")
    assert run("lock", cwd=locked).code == 0
    assert path.read_bytes() == before


def test_what_somebody_else_made_is_not_overwritten(run: Run, top: Path) -> None:
    path = top / "packages.lock"
    path.write_text("alpha==0.9\n")
    assert run("lock", cwd=top).code == 1
    assert path.read_text() == "alpha==0.9\n"


def test_a_failed_lock_leaves_the_old_file(run: Run, locked: Path) -> None:
    before, files = (locked / "packages.lock").read_bytes(), listing(locked)
    for requirement in ("nosuch==1.0", "alpha==9"):
        require(locked, requirement)
        outcome = run("lock", cwd=locked)
        assert (outcome.code, requirement in outcome.stderr) == (1, True)
        assert (locked / "packages.lock").read_bytes() == before
        assert listing(locked) == files


def test_an_index_out_of_reach_is_named(run: Run, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    done = run("lock", cwd=top)
    error, hint = done.stderr.splitlines()
    assert (done.code, done.stdout) == (1, "")
    assert error.startswith("error: packages cannot be resolved: ")
    assert "http://127.0.0.1:9/simple/alpha/" in error
    assert hint == (
        "hint: uv needs a package index: set one in UV_DEFAULT_INDEX or uv.toml; without a network,"
        " UV_OFFLINE=1 uses what uv's cache has"
    )


def test_offline_uv_s_cache_is_enough(
    run: Run, top: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("lock", cwd=top).code == 0
    before = (top / "packages.lock").read_bytes()
    (top / "packages.lock").unlink()
    index.asked.clear()
    monkeypatch.setenv("UV_OFFLINE", "1")
    assert run("lock", cwd=top).code == 0
    assert (top / "packages.lock").read_bytes() == before
    assert not index.asked.is_set()


def test_without_uv_it_says_so(run: Run, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    outcome = run("lock", cwd=top)
    assert (outcome.code, "pip install uv" in outcome.stderr) == (1, True)


def test_a_bare_repository_can_be_checked_and_not_locked(
    run: Run, git: Git, locked: Path, tmp_path: Path
) -> None:
    git("add", "--all", cwd=locked)
    git("commit", "--quiet", "-m", "Lock", cwd=locked)
    git("clone", "--quiet", "--bare", str(locked), str(tmp_path / "bare.git"), cwd=tmp_path)
    assert run("lock", "--check", cwd=tmp_path / "bare.git").code == 0
    assert run("lock", cwd=tmp_path / "bare.git").code == 1


def test_a_derived_model_takes_over_the_lock_and_has_its_own_from_then_on(
    run: Run, locked: Path, fsck: Fsck
) -> None:
    models.take(Model.open(locked), "v1")
    assert run("derive", "v1", "even", cwd=locked).code == 0
    even = locked.parent / "even"
    assert run("lock", "--check", cwd=even).code == 0
    require(even, "beta==1.0")
    assert run("lock", "--check", cwd=even / "code").code == 1
    assert run("lock", cwd=even / "code").code == 0
    assert run("lock", "--check", cwd=even).code == 0
    assert run("lock", "--check", cwd=locked).code == 0
    fsck(locked)


def test_a_snapshot_warns_of_a_lock_that_does_not_fit(run: Run, top: Path) -> None:
    def warnings(name: str) -> list[str]:
        warnings: list[str] = json.loads(run("snapshot", name, "--json", cwd=top).stdout)["warnings"]
        return warnings

    (missing,) = warnings("v1")
    run("lock", cwd=top)
    assert warnings("v2") == []
    require(top, "beta==1.0")
    (stale,) = warnings("v3")
    assert missing != stale
    require(top)
    assert warnings("v4") == []


def test_who_replaces_files_there_goes_first(run: Run, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with locks.working_copy(Model.open(top).repository.git_directory):
        done = run("lock", cwd=top)
    assert done.code == 11
    assert not (top / "packages.lock").exists()


def test_killed_while_it_resolves_it_leaves_nothing(
    run: Run, locked: Path, index: Index, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(home))
    before, files = (locked / "packages.lock").read_bytes(), listing(locked)
    require(locked, "gamma==1.0")
    index.asked.clear()
    index.free.clear()
    process = spawning.start("lock", "--upgrade", cwd=locked)
    assert index.asked.wait(20)
    process.kill()
    process.wait()
    index.free.set()
    assert (locked / "packages.lock").read_bytes() == before
    assert listing(locked) == files
    assert run("lock", cwd=locked).code == 0


def test_a_file_that_changes_meanwhile_is_kept(run: Run, top: Path, index: Index) -> None:
    index.free.clear()
    process = spawning.start("lock", cwd=top)
    assert index.asked.wait(20)
    (top / "packages.lock").write_text("mine\n")
    index.free.set()
    _, error = process.communicate()
    path = top / "packages.lock"
    assert (process.returncode, error) == (
        1,
        f"error: {path} changed meanwhile\nhint: run gitstore lock again\n",
    )
    assert path.read_text() == "mine\n"


class TestAStrangersRepository:
    """A clone names, beside its settings, a package that leaves a file when it is built."""

    @pytest.fixture
    def mark(self, top: Path, tmp_path: Path) -> Path:
        mark = tmp_path / "built"
        wheels = top / "wheels"
        wheels.mkdir()
        (wheels / "evil-1.0.tar.gz").write_bytes(sdist("evil", "1.0", mark))
        (top / "uv.toml").write_text('no-index = true\nfind-links = ["wheels"]\n')
        require(top, "evil==1.0")
        return mark

    @pytest.fixture(autouse=True)
    def configured(self, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("UV_NO_CONFIG")

    def test_nothing_of_it_is_read_or_built(self, run: Run, top: Path, mark: Path, index: Index) -> None:
        done = run("lock", cwd=top)
        assert (done.code, mark.exists()) == (1, False)
        assert "evil was not found in the package registry" in done.stderr
        hint = f"hint: {top}/uv.toml was not used; if you trust it, gitstore lock --config uv.toml uses it"
        assert done.stderr.splitlines()[-1] == hint
        assert index.asked.is_set()

    def test_pyproject_toml_is_not_read_either(self, run: Run, top: Path, mark: Path) -> None:
        (top / "uv.toml").unlink()
        (top / "pyproject.toml").write_text('[tool.uv]\nno-index = true\nfind-links = ["wheels"]\n')
        assert "evil was not found in the package registry" in run("lock", cwd=top).stderr
        assert not mark.exists()

    def test_variables_that_name_the_repository_do_not_count(
        self, run: Run, top: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"UV_PROJECT": top, "UV_WORKING_DIR": top, "UV_NO_BUILD": "0"}.items():
            monkeypatch.setenv(name, str(value))
        assert "evil was not found in the package registry" in run("lock", cwd=top).stderr
        assert not mark.exists()

    def test_a_file_that_the_user_names_counts_and_still_builds_nothing(
        self, run: Run, top: Path, mark: Path
    ) -> None:
        done = run("-C", str(top), "lock", "--config", "uv.toml", cwd=top.parent)
        assert (done.code, mark.exists()) == (1, False)
        assert done.stderr == (
            "error: packages cannot be resolved: evil==1.0 has no usable wheels and you require evil==1.0\n"
            f"hint: gitstore -C {shlex.quote(str(top))} lock --config {shlex.quote(str(top / 'uv.toml'))}"
            " --allow-builds builds packages from source, which runs their code\n"
        )

    def test_a_build_that_the_user_allows_is_done(self, run: Run, top: Path, mark: Path) -> None:
        assert run("lock", "--config", "uv.toml", "--allow-builds", cwd=top).code == 0
        assert mark.exists()

    def test_what_is_in_the_users_own_variables_counts_from_where_the_user_is(
        self, run: Run, top: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UV_FIND_LINKS", "wheels")
        monkeypatch.setenv("UV_CACHE_DIR", "packages")
        assert "evil==1.0 has no usable wheels" in run("lock", cwd=top).stderr
        assert (top / "packages").is_dir()
        assert not mark.exists()

    def test_a_configuration_file_that_is_not_there(self, run: Run, top: Path) -> None:
        done = run("lock", "--config", "nowhere.toml", cwd=top)
        assert (done.code, done.stderr.splitlines()[-1]) == (
            2,
            "error: --config: nowhere.toml is not a file",
        )
