"""The note that gc found nothing to do: what it survives, and what it does not."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.packs.format import KEEP_MARK
from gitstore.storage import clean_note

PACK = f"objects/pack/pack-{'a' * 40}"
FILES = ("HEAD", "config", "packed-refs", "info/refs", f"{PACK}.pack", f"{PACK}.idx", "gitstore/lock")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What a bare repository has after a collection, and a note of it."""
    for name in FILES:
        add(tmp_path / name)
    (tmp_path / f"{PACK}.keep").write_bytes(KEEP_MARK)
    assert clean_note.note(tmp_path, clean_note.list_files(tmp_path))
    return tmp_path


def add(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("content")


def replace_in_place(path: Path) -> None:
    """Other content, with the size and the time that the file had."""
    times = path.stat()
    path.write_text("CONTENT")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def restore_copy(repository: Path) -> None:
    """As after a backup: the same names, contents and times in other files."""
    shutil.copytree(repository, repository / "copy")
    for name in FILES:
        (repository / "copy" / name).replace(repository / name)
    shutil.rmtree(repository / "copy")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a loose ref": lambda here: add(here / "refs/tags/v1"),
    "packed refs": lambda here: add(here / "packed-refs"),
    "an object": lambda here: add(here / "objects/ab" / ("c" * 38)),
    "a pack": lambda here: add(here / f"objects/pack/pack-{'b' * 40}.pack"),
    "a pack is gone": lambda here: (here / f"{PACK}.pack").unlink(),
    "a mark is gone": lambda here: (here / f"{PACK}.keep").unlink(),
    "a link to a pack": lambda here: os.link(here / f"{PACK}.pack", here / "linked"),
    "an empty quarantine": lambda here: (here / "objects/tmp_objdir-incoming-x").mkdir(),
    "a reflog": lambda here: add(here / "logs/HEAD"),
    "the same size and time": lambda here: replace_in_place(here / "packed-refs"),
    "files from a backup": restore_copy,
    "a file of gitstore is gone": lambda here: (here / "gitstore/lock").unlink(),
    "the note is torn": lambda here: (here / clean_note.NOTE).write_bytes(b"1234"),
    "the note is gone": lambda here: (here / clean_note.NOTE).unlink(),
}


def test_a_note_holds_while_nothing_changes(repository: Path) -> None:
    assert clean_note.is_noted(repository)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_note_does_not_outlive_a_change(repository: Path, change: Callable[[Path], object]) -> None:
    change(repository)
    assert not clean_note.is_noted(repository)


def test_another_version_looks_again(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean_note, "__version__", "0.0")
    assert not clean_note.is_noted(repository)


@pytest.mark.parametrize(
    "name",
    [
        "objects/tmp_objdir-incoming-x/pack/a",  # a push that lives may end without another change
        f"objects/pack/pack-{'b' * 40}.pack",  # garbage when it is a day old
        f"objects/pack/pack-{'b' * 40}.keep",
        "objects/pack/.tmp-1-pack",
        "objects/pack/gitstore-tmp-pack-x",
        "gitstore/.stat-cache~new-x",
        "refs/tags/v1.lock",
        "objects/info/alternates",  # another repository has a say
        "worktrees/one/HEAD",
        "logs/HEAD",
        "anything",
    ],
)
def test_what_may_become_garbage_by_itself_is_not_noted(repository: Path, name: str) -> None:
    add(repository / name)
    assert not clean_note.note(repository, clean_note.list_files(repository))
    assert not clean_note.is_noted(repository)


def test_a_mark_of_git_is_not_noted(repository: Path) -> None:
    (repository / f"{PACK}.keep").write_text("receive-pack 1 on host")
    assert not clean_note.note(repository, clean_note.list_files(repository))


def test_what_changed_while_gc_looked_is_not_noted(repository: Path) -> None:
    before = clean_note.list_files(repository)
    add(repository / "refs/tags/v1")
    assert not clean_note.note(repository, before)


def test_what_gc_writes_itself_is_noted(repository: Path) -> None:
    """It may end with a new bitmap and a new record of refs, although nothing was garbage."""
    before = clean_note.list_files(repository)
    add(repository / "gitstore/refs-seen")
    add(repository / "objects/pack/multi-pack-index")
    assert clean_note.note(repository, before)
    assert clean_note.is_noted(repository)
    (repository / "objects/pack/multi-pack-index").unlink()
    assert not clean_note.is_noted(repository)


def test_a_time_in_the_future_is_not_noted(repository: Path) -> None:
    """Another change may not show in it."""
    ahead = time.time() + 1000
    os.utime(repository / "HEAD", (ahead, ahead))
    assert not clean_note.note(repository, clean_note.list_files(repository))


def test_what_a_kill_left_of_a_note_does_not_matter(repository: Path) -> None:
    add(repository / "gitstore/.nothing-to-collect~new")
    assert clean_note.is_noted(repository)
    assert clean_note.note(repository, clean_note.list_files(repository))
