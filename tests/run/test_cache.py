"""The cache: whatever happens to its files, a snapshot is evaluated from what it holds."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from gitstore.bigfiles.stat_cache import read_file_clock
from gitstore.disk import directories, mapped_writes
from gitstore.disk.entries import Cleared, RemovedEntry
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run.cache.cache import Cache, CacheUse
from gitstore.run.cache.check import check_cache
from gitstore.run.cache.entry import CacheEntry
from tests.support import scenes
from tests.support.commands import Git, Run
from tests.support.models import make, noise, picture, put, take, user_cache


@pytest.fixture
def nothing_is_left() -> None:
    """Repositories are open here, which close when they are collected as garbage."""


COUNTS = """\
import os
from pathlib import Path


class Model:
    \"\"\"Adds up what it finds beside its weights, and leaves something there for the next.\"\"\"

    def __init__(self, state):
        self.state = Path(state)

    def evaluate(self, values):
        weights, calls = self.state / "weights", self.state / "calls.txt"
        answer = len(weights.read_bytes()) + (len(calls.read_bytes()) if calls.exists() else 0)
        for folder, _, names in os.walk(self.state):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                try:
                    os.chmod(path, 0o755)
                except OSError:
                    pass
        for path, mode in ((calls, "ab"), (weights, "ab"), (Path(__file__), "ab")):
            try:
                with open(path, mode) as file:
                    file.write(b"#")
            except OSError:
                pass
        return {"products": values * 0 + answer}
"""


@pytest.fixture
def found(tmp_path: Path) -> Snapshot:
    """A snapshot with a file of parts, a directory and an executable."""
    scenes.copy(_with_parts, tmp_path)
    return scenes.find(tmp_path)


def _with_parts(root: Path) -> None:
    model = make(root / "digits")
    put(model, "initial", {"big": noise(5 << 20), "deep/small": b"weights"})
    (model.directory / "code" / "tool").write_text("#!/bin/sh\n")
    (model.directory / "code" / "tool").chmod(0o755)
    take(model, "v1")


def _of_three_weights(root: Path) -> None:
    model = make(root / "digits")
    for number in range(3):
        put(model, "initial", {"w": noise(100_000, number)})
        take(model, f"v{number}")


def _counting(root: Path) -> None:
    model = make(root / "digits")
    (model.directory / "code" / "model.py").write_text(COUNTS)
    put(model, "initial", {"weights": b"weights"})
    take(model, "v1")


@pytest.fixture
def cache() -> Cache:
    return user_cache()


def state(cache: Cache, found: Snapshot) -> Path:
    with cache.open_state(found.repository, found.state_tree) as files:
        return files


def code(cache: Cache, found: Snapshot) -> Path:
    with cache.open_code(found.repository, found.code_tree) as files:
        return files


def unlocked(directory: Path) -> Path:
    """A directory of the cache that its owner has made writable. Root need not, so that no time changes."""
    for folder, _, names in os.walk(directory if os.geteuid() else ""):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            status = path.stat()
            path.chmod(0o755)
            path.chmod(status.st_mode & 0o777 | 0o200)
    return directory


def test_files_are_those_of_the_snapshot_and_read_only(cache: Cache, found: Snapshot) -> None:
    files = state(cache, found)
    assert {path.relative_to(files).as_posix() for path in files.rglob("*")} >= {"big", "deep", "deep/small"}
    assert (files / "big").read_bytes() == noise(5 << 20)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (files, *files.rglob("*"))}
    assert {modes[name] for name in ("files", "deep")} == {0o555}
    assert {modes[name] for name in ("big", "small")} == {0o444}
    there = code(cache, found)
    assert [(there / name).stat().st_mode & 0o777 for name in ("model.py", "tool")] == [0o444, 0o555]
    assert cache.directory.stat().st_mode & 0o777 == 0o700  # it has other people's private models
    assert [path.name for path in files.parent.iterdir() if path != files] == ["manifest"]


def test_is_made_once_and_shared_by_repositories(
    cache: Cache, found: Snapshot, git: Git, tmp_path: Path
) -> None:
    files = state(cache, found)
    git("clone", "--quiet", "--mirror", str(found.repository.directory), "other.git", cwd=tmp_path)
    other = snapshot.read_own_snapshots(Model.open(tmp_path / "other.git"))[0]
    before = picture(tmp_path / "other.git")
    os.utime(files.parent, (1, 1))
    assert state(cache, other) == files
    assert files.parent.stat().st_mtime > 1  # it was used
    assert picture(tmp_path / "other.git") == before


CHANGES: dict[str, Callable[[Path], object]] = {
    "more": lambda files: (files / "calls.txt").touch(),
    "more below": lambda files: (files / "deep" / "calls.txt").touch(),
    "a directory": lambda files: (files / "__pycache__").mkdir(),
    "less": lambda files: (files / "deep" / "small").unlink(),
    "other bytes": lambda files: (files / "deep" / "small").write_bytes(b"WEIGHTS"),
    "other bytes at the old time": lambda files: _overwrite(files / "deep" / "small"),
    "another file": lambda files: (files / "big").rename(files / "deep" / "small"),
    "a mode": lambda files: (files / "big").chmod(0o400),
    "a link": lambda files: (files / "link").symlink_to("big"),
    "no manifest": lambda files: (files.parent / "manifest").unlink(),
    "a manifest of junk": lambda files: (files.parent / "manifest").write_text("junk"),
}


def _overwrite(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_changed_entry_is_made_anew(cache: Cache, found: Snapshot) -> None:
    files = state(cache, found)
    for name, change in CHANGES.items():
        change(unlocked(files))
        again = state(cache, found)
        assert again != files, name
        assert not files.exists()  # nobody ran from it
        assert (again / "deep" / "small").read_bytes() == b"weights"
        assert {path.name for path in again.iterdir()} == {"big", "deep", "weights"}
        files = again


def test_what_somebody_runs_from_stays_as_it_is(cache: Cache, found: Snapshot) -> None:
    with cache.open_state(found.repository, found.state_tree) as files:
        (unlocked(files) / "calls.txt").touch()
        again = state(cache, found)
        assert again != files
        assert (files / "calls.txt").exists()
        assert cache.clear().in_use == 1
    assert state(cache, found) != files
    assert not (files / "calls.txt").exists() or cache.clear().in_use == 0


def test_at_once_it_is_made_once(cache: Cache, found: Snapshot) -> None:
    made: list[Path] = []
    threads = [threading.Thread(target=lambda: made.append(state(cache, found))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert [entry.files for entry in cache.list_entries()] == [made[0]]


def test_a_failure_leaves_nothing(cache: Cache, found: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("gitstore.run.cache.manifest.write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            state(cache, found)
    assert [path for path in cache.directory.rglob("*") if path.is_file()] == []


def test_where_stamps_tell_nothing_it_is_made_for_each_use(
    cache: Cache, found: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On tmpfs, where a write through a map changes no time."""
    monkeypatch.setattr(mapped_writes, "are_shown", lambda *_: False)
    first = state(cache, found)
    assert (first / "weights").exists()
    second = state(cache, found)
    assert (first != second, first.exists(), second.exists()) == (True, False, True)


def test_what_a_kill_left_is_swept(cache: Cache, found: Snapshot) -> None:
    left = state(cache, found).parents[1] / ".x~new-y"
    left.mkdir()
    (left / "half").write_bytes(bytes(100))
    removed = Cleared([RemovedEntry(left.name, 100)], [], 0)
    assert cache.clear(only_leftovers=True, dry_run=True) == removed
    assert left.exists()
    assert cache.clear(only_leftovers=True) == removed
    assert not left.exists()
    assert len(cache.list_entries()) == 1


class TestTheLimit:
    @pytest.fixture
    def taken(self, tmp_path: Path) -> list[Snapshot]:
        scenes.copy(_of_three_weights, tmp_path)
        return [scenes.find(tmp_path, f"v{number}") for number in range(3)]

    def test_what_was_used_least_recently_goes(self, taken: list[Snapshot], cache: Cache) -> None:
        kept = replace(cache, limit=250_000)
        first = state(kept, taken[0])
        second = state(kept, taken[1])
        self.used(second, 1)
        state(kept, taken[2])
        assert (first.exists(), second.exists()) == (True, False)

    def test_what_is_in_use_stays_and_so_does_the_newest(self, taken: list[Snapshot], cache: Cache) -> None:
        one, other, _ = taken
        small = replace(cache, limit=1)
        with ExitStack() as stack:
            first = stack.enter_context(small.open_state(one.repository, one.state_tree))
            self.used(first, 1)
            second = stack.enter_context(small.open_state(other.repository, other.state_tree))
            assert first.exists()
        assert second.exists()
        third = code(small, one)
        assert [entry.files for entry in small.list_entries()] == [third]
        assert listed(small) == [third.parent.parent.name]

    @staticmethod
    def used(files: Path, when: int) -> None:
        os.utime(files.parent, (when, when))


def test_use_and_clear(cache: Cache, found: Snapshot, tmp_path: Path) -> None:
    sizes = [directories.measure_size(state(cache, found)), directories.measure_size(code(cache, found))]
    strange = scenes.snapshot(tmp_path / "strange")
    more = directories.measure_size(state(cache, strange))
    assert cache.measure_use(found.repository) == CacheUse(sum(sizes), sum(sizes) + more)
    promised = cache.clear(dry_run=True)
    assert promised.freed == sum(sizes) + more
    assert len(cache.list_entries()) == 3
    assert cache.clear() == promised
    assert listed(cache) == []


def listed(cache: Cache) -> list[str]:
    """What is in the cache's directory, beside the environments."""
    return [path.name for path in cache.directory.iterdir() if path.name != "environments"]


class TestChecking:
    """Of what stamps do not show: a disk that gives other bytes."""

    def test_finds_nothing_wrong(self, cache: Cache, found: Snapshot) -> None:
        state(cache, found), code(cache, found)
        read: list[int] = []
        assert check_cache(cache, found.repository, read.append) == []
        assert sum(read) == cache.measure_use(found.repository).total

    def test_names_the_files(self, cache: Cache, found: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        files = unlocked(state(cache, found))
        with (files / "big").open("r+b") as file:
            file.seek(4_500_000)
            file.write(bytes([noise(5 << 20)[4_500_000] ^ 1]))
        (files / "deep" / "more").touch()
        (files / "weights").unlink()
        assert check_cache(cache, found.repository) == []  # it would be made anew
        monkeypatch.setattr(CacheEntry, "is_sound", lambda _: True)  # as if no stamp had changed
        problems = check_cache(cache, found.repository)
        named = {problem.split(":")[0].removeprefix(f"{files}/") for problem in problems}
        assert named == {"big", "deep/more", "weights"}


class TestCommands:
    @pytest.fixture
    def here(self, tmp_path: Path) -> Path:
        scenes.copy(_counting, tmp_path)
        return tmp_path / "digits"

    def test_a_model_that_writes_beside_its_weights_gives_the_same_answer(self, here: Path, run: Run) -> None:
        answers = [run("evaluate", "v1", "-p", "values=[1]", cwd=here).stdout for _ in range(3)]
        assert len(set(answers)) == 1
        assert "7" in answers[0]

    def test_git_configures_place_and_size(self, here: Path, run: Run, git: Git, tmp_path: Path) -> None:
        git("config", "--global", "gitstore.cacheDir", "~/there", cwd=here)
        git("config", "gitstore.cacheDir", str(tmp_path / "no"), cwd=here)  # a repository has no say
        assert run("evaluate", "v1", "-p", "values=[1]", cwd=here).code == 0
        assert (Path.home() / "there").is_dir()
        assert not (tmp_path / "no").exists()
        git("config", "--global", "gitstore.cacheSize", "much", cwd=here)
        outcome = run("evaluate", "v1", "-p", "values=[1]", cwd=here)
        assert outcome.code == 1
        assert outcome.stderr.startswith("error: gitstore.cacheSize: 'much' is not a size")

    def test_usage_gc_and_verify_know_it(self, here: Path, run: Run) -> None:
        run("evaluate", "v1", "-p", "values=[1]", cwd=here)
        total = user_cache().measure_use(Model.open(here).repository).total
        lines = dict(
            line.split("  ", 1) for line in run("usage", cwd=here).stdout.splitlines() if "cache" in line
        )
        assert lines["in the cache, of all repositories"].strip() == f"{total:,}"
        assert run("verify", "--all", cwd=here).code == 0
        assert "entries of the cache removed: 2" in run("gc", "--cache", cwd=here).stderr
        assert user_cache().list_entries() == []

    def test_a_cache_that_cannot_be_written_says_what_to_do(self, here: Path, run: Run, git: Git) -> None:
        (here / "file").touch()
        git("config", "--global", "gitstore.cacheDir", str(here / "file"), cwd=here)
        outcome = run("evaluate", "v1", "-p", "values=[1]", cwd=here)
        assert outcome.code == 1
        assert "gitstore.cacheDir DIR puts it elsewhere" in outcome.stderr


def test_the_stamps_are_older_than_the_clock(cache: Cache, found: Snapshot) -> None:
    """A write right after the entry was made would show."""
    files = state(cache, found)
    newest = max(path.lstat().st_ctime_ns for path in (files, *files.rglob("*")))
    assert newest < read_file_clock()
