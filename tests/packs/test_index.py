from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.packs import format as pack_format
from gitstore.packs.format import Entry
from gitstore.packs.index import PackIndex
from gitstore.packs.oid import Oid
from tests.support.failing import refuses

ENTRIES = [Entry(Oid(bytes([byte]) * 20), 12 + 100 * byte, byte) for byte in (0, 7, 7 << 4, 255)]
LARGE = Entry(Oid(b"l" * 20), 5 << 32, 1)


def index(path: Path, content: bytes) -> PackIndex:
    path.write_bytes(content)
    return PackIndex(path)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    found = index(tmp_path / "p.idx", pack_format.encode_index(ENTRIES, bytes(20)))
    for entry in ENTRIES:
        assert found.find(entry.oid) is not None
        assert found.find(Oid(entry.oid[:19] + bytes([entry.oid[19] ^ 1]))) is None
    assert list(found.oids()) == [entry.oid for entry in ENTRIES]


def test_an_index_of_nothing(tmp_path: Path) -> None:
    found = index(tmp_path / "p.idx", pack_format.encode_index([], bytes(20)))
    assert (found.count, found.size, list(found.oids())) == (0, 1072, [])
    assert found.find(Oid(bytes(20))) is None


def test_an_entry_ends_where_the_next_one_begins(tmp_path: Path) -> None:
    found = index(tmp_path / "p.idx", pack_format.encode_index([*ENTRIES, LARGE], bytes(20)))
    spans = sorted(found.span(position, 6 << 32) for position in range(found.count))
    starts = [entry.offset for entry in [*ENTRIES, LARGE]]
    assert spans == list(zip(starts, [712, 11212, 25512, 5 << 32, (6 << 32) - 20], strict=True))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not a pack index of version 2"),
        (b"\xfftOc\0\0\0\1" + bytes(2000), "not a pack index of version 2"),
        (b"\0\0\0\1" + bytes(2000), "not a pack index of version 2"),  # how version 1 may begin
        (b"\xfftOc\0\0\0\2", "cut short"),
        (b"\xfftOc\0\0\0\2" + bytes(1063), "cut short"),
        (b"\xfftOc\0\0\0\2" + b"\xff" * 1064, "tables"),
        (
            b"\xfftOc\0\0\0\2" + b"\0\0\0\1" + bytes(3000),
            "tables",
        ),
    ],
)
def test_a_damaged_index_is_corrupt(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "p.idx"
    with refuses(path, problem, kind=Corrupt):
        index(path, content)


def test_an_index_cut_anywhere_is_corrupt(tmp_path: Path) -> None:
    content = pack_format.encode_index(ENTRIES, bytes(20))
    for size in {*range(0, len(content), 7), len(content) - 1}:
        with pytest.raises(Corrupt):
            index(tmp_path / "p.idx", content[:size])


def test_a_large_offset_outside_the_index_is_corrupt(tmp_path: Path) -> None:
    content = bytearray(pack_format.encode_index([LARGE], bytes(20)))
    at = len(content) - 40 - 8 - 4
    assert content[at : at + 4] == b"\x80\0\0\0"
    content[at + 3] = 1
    found = index(tmp_path / "p.idx", bytes(content))
    with refuses(f"{tmp_path}/p.idx", "offset", kind=Corrupt):
        found.offset(0)


def test_an_index_that_has_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PackIndex(tmp_path / "p.idx")
