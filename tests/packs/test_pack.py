from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.packs import format as pack_format
from gitstore.packs.format import Entry
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack, Packed
from gitstore.packs.writer import PackWriter
from tests.support.commands import git
from tests.support.content import noise
from tests.support.failing import refuses
from tests.support.packs import descriptors, entry, write_pack

CONTENTS = [b"", b"weights " * 100, noise(3000), b"bias"]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return Pack(write_pack(tmp_path, CONTENTS).path.with_suffix(".idx"))


def position(pack: Pack, content: bytes) -> int:
    found = pack.index.find(Oid.of(Kind.BLOB, content))
    assert found is not None
    return found


def claim(path: Path, offsets: dict[bytes, int]) -> Pack:
    """The pack as an index describes it that says its objects are elsewhere."""
    entries = [Entry(Oid.of(Kind.BLOB, content), offset, 0) for content, offset in offsets.items()]
    index = path.with_suffix(".idx")
    index.chmod(0o644)
    index.write_bytes(pack_format.encode_index(entries, bytes(20)))
    return Pack(index)


def test_every_object_is_read_back(pack: Pack) -> None:
    for content in CONTENTS:
        at = position(pack, content)
        assert pack.read(at) == (Kind.BLOB, content)
        assert pack.header(at)[:2] == (Kind.BLOB, len(content))
        assert pack.checked_entry(at) == entry(content)[1]
        assert Packed(pack, at).disk_size == len(entry(content)[1])
        assert Packed(pack, at).oid == Oid.of(Kind.BLOB, content)
    assert [pack.index.oid(at) for at in pack.positions_in_file_order()] == [
        Oid.of(Kind.BLOB, content) for content in CONTENTS
    ]
    assert b"".join(pack.blocks(100)) == pack.path.read_bytes()


def test_many_threads_read_one_pack(pack: Pack) -> None:
    """The descriptor and the tables are made when they are first needed, here by all threads at once."""
    for _ in range(20):
        fresh = Pack(pack.index.path)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(fresh.read, [position(fresh, content) for content in CONTENTS] * 8))
        assert found == [(Kind.BLOB, content) for content in CONTENTS] * 8
        assert descriptors(pack.path) == 1
        del fresh


def test_a_pack_closes_with_its_last_user(pack: Pack) -> None:
    opened = Pack(pack.index.path)
    assert descriptors(pack.path) == 0
    opened.read(0)
    assert descriptors(pack.path) == 1
    del opened
    assert descriptors(pack.path) == 0


def test_a_pack_that_is_open_stays_readable_when_it_goes(pack: Pack) -> None:
    pack.read(0)
    pack.path.unlink()
    assert {pack.read(at) for at in range(4)} == {(Kind.BLOB, content) for content in CONTENTS}


def test_a_pack_that_has_gone_is_not_found(pack: Pack) -> None:
    pack.path.unlink()
    with pytest.raises(FileNotFoundError):
        pack.read(0)
    with pytest.raises(FileNotFoundError):
        Pack(pack.index.path)


@pytest.mark.parametrize("offset", [0, 11, 4000, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_offset_outside_the_pack_is_corrupt(pack: Pack, offset: int) -> None:
    wrong = claim(pack.path, {b"bias": offset})
    for use in (wrong.read, wrong.header, wrong.entry_bytes, wrong.checked_entry, wrong.span):
        with refuses(pack.path, Oid.of(Kind.BLOB, b"bias"), kind=Corrupt):
            use(0)


def test_two_objects_at_one_place_are_not_both_there(pack: Pack) -> None:
    wrong = claim(pack.path, {b"bias": 12, b"": 12})
    assert {wrong.span(0), wrong.span(1)} == {(12, pack.size - 20)}


def test_a_pack_that_is_cut_short_is_corrupt(pack: Pack) -> None:
    opened = Pack(pack.index.path)
    pack.path.chmod(0o644)
    os.truncate(pack.path, 100)
    last = position(opened, b"bias")
    with refuses(pack.path, Oid.of(Kind.BLOB, b"bias"), kind=Corrupt):
        opened.read(last)
    with refuses(pack.path, Oid.of(Kind.BLOB, b"bias"), kind=Corrupt):
        Pack(pack.index.path).read(last)


@pytest.mark.parametrize("type_number", [0, 5])
def test_an_unknown_type_is_corrupt(tmp_path: Path, type_number: int) -> None:
    oid, whole = entry(b"bias")
    with PackWriter(tmp_path) as writer:
        writer.append(oid, bytes([type_number << 4 | 4]) + whole[1:])
        written = writer.finish()
    assert written is not None
    with refuses(written.path, oid, type_number, kind=Corrupt):
        Pack(written.path.with_suffix(".idx")).read(0)


def test_a_delta_is_left_to_others_and_not_copied(tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)
    weights = noise(5000)
    for content in (weights, weights + b"more"):
        git("hash-object", "-w", "--stdin", cwd=tmp_path, stdin=content)
    oids = "".join(f"{Oid.of(Kind.BLOB, content)}\n" for content in (weights, weights + b"more"))
    git("pack-objects", "--quiet", "p", cwd=tmp_path, stdin=oids.encode())
    (path,) = tmp_path.glob("p-*.idx")
    pack = Pack(path)
    whole, delta = sorted(range(2), key=lambda at: pack.header(at).kind is None)
    assert pack.read(whole) is not None
    assert pack.read(delta) is None
    with refuses(pack.path, pack.index.oid(delta), kind=Corrupt):
        pack.checked_entry(delta)
