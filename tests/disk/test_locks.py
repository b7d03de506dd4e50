"""The lock that writes share and gc takes alone."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gitstore.disk import locks
from gitstore.errors import Locked
from gitstore.git.repository import Repository
from tests.support.commands import git
from tests.support.failing import refuses
from tests.support.packs import add_blobs


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.1)


def test_gc_does_not_wait_for_a_write(repository: Repository) -> None:
    with repository.writer(), refuses(repository.common, kind=Locked), repository.collecting():
        pass
    with repository.collecting():
        pass


def test_one_gc_at_a_time(repository: Repository) -> None:
    with repository.collecting(), refuses(repository.common, kind=Locked), repository.collecting():
        pass


def test_writes_run_side_by_side(repository: Repository) -> None:
    with repository.writer(), Repository(repository.common).writer():
        pass


@pytest.mark.usefixtures("impatient")
def test_a_write_gives_up_on_a_long_gc(repository: Repository) -> None:
    began = time.monotonic()
    with repository.collecting(), refuses("gitstore gc", repository.common, kind=Locked), repository.writer():
        pass
    assert 0.1 <= time.monotonic() - began < 5
    with repository.writer():
        pass


def test_a_write_waits_for_a_short_gc(repository: Repository) -> None:
    done = threading.Event()

    def write() -> None:
        with repository.writing():
            done.set()

    waiting = threading.Thread(target=write)
    with repository.collecting():
        waiting.start()
        assert not done.wait(0.2)
    waiting.join(5)
    assert done.is_set()


def test_a_write_sees_what_gc_left(repository: Repository) -> None:
    """Not what was there when the process last looked."""
    add_blobs(repository.objects, b"gone")
    (pack,) = repository.objects.own_packs
    for path in pack.path.parent.iterdir():
        path.unlink()
    with repository.writer():
        assert repository.objects.own_packs == []


def test_nothing_is_merged_while_gc_runs(repository: Repository) -> None:
    for number in range(3):
        add_blobs(repository.objects, b"%d" % number)
    with repository.collecting():
        repository.maintain()
        assert len(repository.objects.own_packs) == 3
    repository.maintain()
    assert len(repository.objects.own_packs) == 1


def test_worktrees_share_the_lock(repository: Repository, tmp_path: Path) -> None:
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=repository.directory)
    git("worktree", "add", "--quiet", "-b", "dogs", "../linked größe", cwd=repository.directory)
    linked = Repository.discover(tmp_path / "linked größe")
    with linked.writing(), refuses(repository.common, kind=Locked), repository.collecting():
        pass


def holder(repository: Repository, body: str) -> subprocess.Popen[str]:
    """A process that holds the shared lock and then does something; it has begun when this returns."""
    script = f"""
        import os, signal, sys, threading
        from pathlib import Path
        from gitstore.disk import locks
        from gitstore.git import process
        private = Path({str(repository.private)!r})
        with locks.shared(private):
            {body}
    """
    started = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "begun\n"
    return started


def test_the_lock_goes_with_a_killed_process(repository: Repository) -> None:
    process = holder(repository, "print('begun', flush=True); sys.stdin.read(); signal.pause()")
    with pytest.raises(Locked), repository.collecting():
        pass
    process.kill()
    process.communicate()
    with repository.collecting():
        pass


def test_the_lock_stays_with_a_git_that_outlives_its_parent(repository: Repository, tmp_path: Path) -> None:
    """It may be the one that sets the ref. Here an alias, which git runs until we take a file away."""
    sign = tmp_path / "lingers"
    linger = f"!touch '{sign}'; while test -e '{sign}'; do sleep 0.01; done"
    body = (
        "print('begun', flush=True);"
        f" process.run('-c', {f'alias.linger={linger}'!r}, 'linger', cwd=Path({str(repository.common)!r}))"
    )
    process = holder(repository, body)
    wait_for(sign.exists)
    process.kill()
    process.communicate()
    with pytest.raises(Locked), repository.collecting():
        pass
    sign.unlink()
    wait_for(lambda: is_free(repository))


def is_free(repository: Repository) -> bool:
    with suppress(Locked), repository.collecting():
        return True
    return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
