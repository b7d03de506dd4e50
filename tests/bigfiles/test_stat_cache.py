from __future__ import annotations

import hashlib
import resource
from pathlib import Path

import msgspec
import pytest

from gitstore.bigfiles import stat_cache
from gitstore.bigfiles.parts import StateEntry
from gitstore.bigfiles.stat_cache import Stamp, StatCache, read_file_clock
from gitstore.packs.oid import Oid
from tests.support.limits import limit

ENTRY = StateEntry(Oid(b"o" * 20), b".planes")


def stamp(number: int) -> Stamp:
    return Stamp(number, 10, 1_000_000_001, 1_000_000_001)


@pytest.fixture
def cache(tmp_path: Path) -> StatCache:
    return StatCache(tmp_path / "private" / "stat-cache")


def test_what_is_saved_is_known_later(cache: StatCache) -> None:
    cache.put(stamp(1), ENTRY)
    cache.save()
    later = StatCache(cache.path)
    assert later.get(stamp(1)) == ENTRY
    assert isinstance(later.get(stamp(1)), StateEntry)
    assert [later.get(each) for each in (stamp(2), stamp(1)._replace(size=11))] == [None, None]


def test_every_field_counts(cache: StatCache) -> None:
    known = Stamp(1, 2, 3, 4)
    cache.put(known, ENTRY)
    for field in Stamp._fields:
        assert cache.get(known._replace(**{field: 9})) is None


def test_nothing_new_is_not_written(cache: StatCache) -> None:
    cache.save()
    assert not cache.path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        bytes(1000),
        msgspec.msgpack.encode((4, [(1, 2, 3)])),
        msgspec.msgpack.encode((4, [("a", 2, 3, 4, b"o" * 20, b"")])),
        msgspec.msgpack.encode({"version": 1}),
        msgspec.msgpack.encode((4, [(*stamp(1), b"short", b"")])),
        msgspec.msgpack.encode((4, [(*stamp(1), b"o" * 20, b".unknown")])),
        msgspec.msgpack.encode((1, [(*stamp(1), b"o" * 20)])),  # which trusted files that were mapped
        msgspec.msgpack.encode((3, [(*stamp(1), b"o" * 20)])),  # which cut files of tensors by content
        msgspec.msgpack.encode((5, [(*stamp(1), b"o" * 20, b"")])),  # of a gitstore to come
    ],
)
def test_a_damaged_or_foreign_cache_knows_nothing_and_is_replaced(cache: StatCache, content: bytes) -> None:
    cache.path.parent.mkdir()
    cache.path.write_bytes(content + hashlib.sha1(content).digest())
    fresh = StatCache(cache.path)
    assert fresh.get(stamp(1)) is None
    fresh.put(stamp(1), ENTRY)
    fresh.save()
    assert StatCache(cache.path).get(stamp(1)) == ENTRY


def test_a_cache_cut_anywhere_knows_nothing(cache: StatCache) -> None:
    cache.put(stamp(1), ENTRY)
    cache.save()
    content = cache.path.read_bytes()
    for size in range(len(content)):
        cache.path.write_bytes(content[:size])
        assert StatCache(cache.path).get(stamp(1)) is None


def test_the_oldest_entries_are_forgotten(cache: StatCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stat_cache, "_MOST", 3)
    for number in (1, 2, 3, 4, 2):
        cache.put(stamp(number), ENTRY)
    cache.save()
    later = StatCache(cache.path)
    assert [number for number in range(5) if later.get(stamp(number))] == [2, 3, 4]
    later.put(stamp(5), ENTRY)
    later.save()
    assert [number for number in range(6) if StatCache(cache.path).get(stamp(number))] == [2, 4, 5]


def test_what_another_process_saves_meanwhile_stays(cache: StatCache) -> None:
    other = StatCache(cache.path)
    other.put(stamp(1), ENTRY)
    other.save()
    cache.put(stamp(2), ENTRY)
    cache.save()
    both = StatCache(cache.path)
    assert both.get(stamp(1)) == both.get(stamp(2)) == ENTRY


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = StatCache(tmp_path / "file" / "stat-cache")
    cache.put(stamp(1), ENTRY)
    cache.save()
    assert cache.get(stamp(1)) == ENTRY


def test_a_full_disk_leaves_the_cache_that_was(cache: StatCache) -> None:
    cache.put(stamp(1), ENTRY)
    cache.save()
    full = StatCache(cache.path)
    for number in range(1000):
        full.put(Stamp(number, 0, 0, 0), StateEntry(Oid(bytes(20)), b""))
    with limit(resource.RLIMIT_FSIZE, 100):
        full.save()
    assert [path.name for path in cache.path.parent.iterdir()] == ["stat-cache"]
    assert StatCache(cache.path).get(stamp(1)) == ENTRY


@pytest.mark.parametrize(
    ("modified", "changed", "now", "settled"),
    [
        (5, 5, 6, True),
        (5, 5, 5, False),
        (5, 7, 7, False),
        (7, 5, 7, False),
        # A file system that keeps seconds: two of them must be over.
        (3_000_000_000, 3_000_000_000, 4_999_999_999, False),
        (3_000_000_000, 3_000_000_000, 5_000_000_001, True),
        (3_000_000_000, 3_000_000_007, 3_000_000_008, True),
    ],
)
def test_a_stamp_is_settled_once_the_clock_has_passed_it(
    modified: int, changed: int, now: int, settled: bool
) -> None:
    assert Stamp(1, 1, modified, changed).is_settled(now) is settled


def test_the_clock_is_that_of_the_file_system(tmp_path: Path) -> None:
    """A file written now is never older than the clock said before, nor newer than it says after."""
    for number in range(50):
        before = read_file_clock()
        (tmp_path / "f").write_bytes(b"%d" % number)
        found, now = Stamp.of((tmp_path / "f").stat()), read_file_clock()
        assert before <= found.changed
        assert found.changed <= now or not found.is_settled(now)  # of one instant: the clock goes on


def test_a_cache_with_a_flipped_bit_knows_nothing(cache: StatCache) -> None:
    """An id with a flipped bit would be in the next snapshot."""
    cache.put(stamp(1), ENTRY)
    cache.save()
    content = bytearray(cache.path.read_bytes())
    content[content.index(ENTRY.oid)] ^= 1
    cache.path.write_bytes(content)
    assert StatCache(cache.path).get(stamp(1)) is None
