"""Entries of a cache: made once, held while they are used, and never half-made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.disk import directories, entries
from gitstore.disk.entries import Cleared, RemovedEntry


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "key"


def make(path: Path) -> None:
    path.mkdir()
    (path / "file").write_text("content")


def is_sound(path: Path) -> bool:
    return (path / "file").read_text() == "content"


def test_one_is_made_once(key: Path) -> None:
    made: list[Path] = []

    def count(path: Path) -> None:
        make(path)
        made.append(path)

    for _ in range(3):
        with entries.open_entry(key, is_sound=is_sound, make=count) as entry:
            assert entries.is_in_use(entry)
    assert made == entries.list_entries(key) == [entry]
    assert not entries.is_in_use(entry)


def test_a_use_is_remembered(key: Path) -> None:
    with entries.open_entry(key, is_sound=is_sound, make=make) as entry:
        os.utime(entry, (1, 1))
    assert entries.find_last_use(entry) == 1
    with entries.open_entry(key, is_sound=is_sound, make=make):
        assert entries.find_last_use(entry) > 1
    assert entries.find_last_use(entry / "nowhere") == 0


def test_an_unsound_one_is_replaced_and_stays_while_it_is_used(key: Path) -> None:
    with entries.open_entry(key, is_sound=is_sound, make=make) as first:
        (first / "file").write_text("changed")
        with entries.open_entry(key, is_sound=is_sound, make=make) as second:
            assert second != first
        assert first.exists()
    (second / "file").write_text("changed, too")
    with entries.open_entry(key, is_sound=is_sound, make=make) as third:
        assert entries.list_entries(key) == [third]


def test_a_new_one_is_used_even_if_it_is_not_sound(key: Path) -> None:
    with entries.open_entry(key, is_sound=lambda _: False, make=make) as entry:
        assert entry.exists()


def test_what_fails_leaves_no_entry(key: Path) -> None:
    def fail(path: Path) -> None:
        raise ValueError(path)

    with pytest.raises(ValueError, match="key"), entries.open_entry(key, is_sound=is_sound, make=fail):
        pass
    assert entries.list_entries(key) == []
    entries.remove_empty_keys([key])
    assert not key.exists()


def test_what_a_kill_left_goes_before_the_next_is_made(key: Path) -> None:
    key.mkdir(parents=True)
    left = key / ".entry~new-abc"
    left.mkdir()
    (left / "file").write_text("half")
    assert entries.sweep([key], dry_run=True) == [RemovedEntry(left.name, 4)]
    with directories.hidden(key, "other") as building:
        with entries.open_entry(key, is_sound=is_sound, make=make):
            assert not left.exists()
        assert building.exists()


def test_one_in_use_cannot_be_removed(key: Path) -> None:
    with entries.open_entry(key, is_sound=is_sound, make=make) as entry:
        assert not entries.remove_entry(entry)
        assert is_sound(entry)
    assert entries.remove_entry(entry, dry_run=True)
    assert is_sound(entry)
    assert entries.remove_entry(entry)
    assert not entry.exists()


def test_freed_is_all_of_it() -> None:
    assert Cleared([RemovedEntry("a", 1)], [RemovedEntry("b", 2), RemovedEntry("c", 4)], 0).freed == 7
