from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.packs import format as pack_format
from gitstore.packs.format import Entry
from gitstore.packs.index import PackIndex
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import git
from tests.support.packs import write_pack


@given(st.lists(st.one_of(st.binary(), st.integers(0, 300_000).map(bytes)), min_size=1, max_size=20))
def test_stock_git_makes_the_same_index_of_our_pack(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    directory = tmp_path_factory.mktemp("packs")
    written = write_pack(directory, contents)
    git("index-pack", "--strict", "-o", "theirs.idx", str(written.path), cwd=directory)
    assert written.path.with_suffix(".idx").read_bytes() == (directory / "theirs.idx").read_bytes()


def test_stock_git_verifies_our_pack_and_finds_each_entry_where_we_say(tmp_path: Path) -> None:
    contents = [b"", b"a", b"b" * 15, b"c" * 16, b"d" * 2047, b"e" * 2048, bytes(1 << 20)]
    written = write_pack(tmp_path, contents)
    lines = git("verify-pack", "-v", str(written.path), cwd=tmp_path).splitlines()
    rows = [line.split() for line in lines if line[40:41] == " "]
    index = PackIndex(written.path.with_suffix(".idx"))
    assert {(row[0], int(row[2]), int(row[4])) for row in rows} == {
        (str(oid), len(content), index.offset(position))
        for content in contents
        for oid in [Oid.of(Kind.BLOB, content)]
        for position in [index.find(oid)]
        if position is not None
    }
    assert len(rows) == len(contents) == written.objects
    assert sum(int(row[3]) for row in rows) + 32 == written.size == written.path.stat().st_size


entries = st.lists(
    st.builds(
        Entry,
        st.binary(min_size=20, max_size=20).map(Oid),
        st.one_of(st.integers(12, 2**31 + 10), st.integers(2**31 - 10, 2**63 - 1)),
        st.integers(0, 2**32 - 1),
    ),
    unique_by=lambda entry: entry.oid,
    max_size=30,
)


@given(entries)
def test_an_index_of_a_pack_of_any_size_is_read_by_git_and_by_us(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    path = tmp_path_factory.mktemp("index") / "pack.idx"
    path.write_bytes(pack_format.encode_index(entries, b"p" * 20))
    shown = [
        line.split() for line in git("show-index", cwd=path.parent, stdin=path.read_bytes()).splitlines()
    ]
    expected = [(entry.offset, str(entry.oid), f"({entry.crc32:08x})") for entry in sorted(entries)]
    assert [(int(offset), oid, crc) for offset, oid, crc in shown] == expected
    ours = PackIndex(path)
    assert [Entry(ours.oid(i), ours.offset(i), ours.crc32(i)) for i in range(ours.count)] == sorted(entries)
    assert all(ours.find(ours.oid(i)) == i for i in range(ours.count))


def test_an_index_ends_with_both_checksums() -> None:
    content = pack_format.encode_index([Entry(Oid(b"o" * 20), 12, 7)], b"p" * 20)
    assert content[-40:-20] == b"p" * 20
    assert content[-20:] == hashlib.sha1(content[:-20]).digest()


@given(st.sampled_from(Kind), st.integers(0, 2**60 - 1))
def test_an_entry_header_is_read_back(kind: Kind, size: int) -> None:
    header = pack_format.entry_header(kind, size)
    assert pack_format.parse_entry_header(header + b"stream") == (kind, size, len(header))
    assert len(header) <= pack_format.ENTRY_HEADER_MAX


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xbf\x80", b"\xff" * 1000])
def test_an_entry_header_that_does_not_end_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="entry header does not end"):
        pack_format.parse_entry_header(data)
