from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.bigfiles import stored
from gitstore.bigfiles.hash import hash_files
from gitstore.bigfiles.parts import LARGE, Part
from gitstore.bigfiles.ranges import Content, Joined, OnDisk, Piece, hold_same_bytes
from gitstore.bigfiles.scan import scan_directory
from gitstore.bigfiles.stored import StoredFile
from gitstore.git.repository import Repository
from gitstore.objects.database import BrokenObject, MissingObject, ObjectDatabase
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from tests.support.content import MIB, noise
from tests.support.counting import Counting
from tests.support.failing import refuses
from tests.support.files import make, store
from tests.support.packs import pack_names

CONTENTS = [b"", b"a", b"b", b"ab", b"abab", b"\0" * 7, bytes(range(50))]
layouts = st.lists(st.sampled_from(CONTENTS), max_size=6)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> ObjectDatabase:
    """All of CONTENTS, as blobs."""
    repository = Repository.create(tmp_path_factory.mktemp("joined"))
    with repository.writer() as writer:
        for content in CONTENTS:
            writer.add(Kind.BLOB, content)
        writer.finish()
    return repository.objects


def joined(database: ObjectDatabase, contents: list[bytes]) -> Joined:
    parts = tuple(Part(Oid.of(Kind.BLOB, content)) for content in contents)
    return Joined(database, StoredFile(PurePosixPath("w"), Mode.FILE, Oid(bytes(20)), parts))


class Large(NamedTuple):
    """A file in parts, stored and on disk."""

    content: bytes
    file: StoredFile
    stored: Joined
    on_disk: OnDisk
    database: Counting


def large(repository: Repository, directory: Path, content: bytes) -> Large:
    make(directory, {b"w": content})
    (file,) = stored.list_files(repository.objects, store(repository, directory), joined=True)
    database = Counting(repository.common / "objects")
    return Large(content, file, Joined(database, file), on_disk(repository, directory), database)


def on_disk(repository: Repository, directory: Path) -> OnDisk:
    """The only file of a directory."""
    ((path, hashed),) = hash_files(
        scan_directory(directory), repository.objects, repository.stat_cache()
    ).items()
    return OnDisk(path, hashed)


@pytest.fixture
def weights(repository: Repository, tmp_path: Path) -> Large:
    return large(repository, tmp_path / "weights", noise(6 * MIB))


def slices(content: bytes, pieces: tuple[Piece, ...]) -> Iterator[tuple[int, int]]:
    """Ranges in and across pieces, and past the end."""
    yield from [(0, 0), (0, 1), (0, len(content)), (0, 10**12), (len(content), 5), (10**12, 5)]
    for piece in pieces[1:4]:
        yield from [(piece.start - 1, 2), (piece.start, 1), (piece.start - 5, piece.end - piece.start + 9)]


@given(layouts, st.integers(0, 200), st.integers(0, 200))
def test_a_range_is_the_slice_of_the_file(
    database: ObjectDatabase, contents: list[bytes], offset: int, length: int
) -> None:
    file, whole = joined(database, contents), b"".join(contents)
    assert file.size == len(whole)
    assert file.read(offset, length) == whole[offset : offset + length]
    assert file.read(length, offset) == whole[length : length + offset]


@given(layouts, layouts, st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_ranges_are_the_same_if_their_bytes_are(
    database: ObjectDatabase, a: list[bytes], b: list[bytes], a_offset: int, b_offset: int, length: int
) -> None:
    one, other = b"".join(a), b"".join(b)
    length = max(0, min(length, len(one) - a_offset, len(other) - b_offset))
    compared: list[int] = []
    same = hold_same_bytes(
        joined(database, a),
        joined(database, b),
        a_offset=a_offset,
        b_offset=b_offset,
        length=length,
        progress=compared.append,
    )
    assert same is (one[a_offset : a_offset + length] == other[b_offset : b_offset + length])
    if same:
        assert sum(compared) == length


def test_a_large_file_stored_and_on_disk(weights: Large) -> None:
    pieces = tuple(weights.stored.pieces)
    assert len(pieces) > 3
    assert weights.on_disk.pieces == pieces
    assert weights.on_disk.parts == weights.stored.parts
    assert weights.on_disk.size == weights.stored.size == 6 * MIB
    for offset, length in slices(weights.content, pieces):
        expected = weights.content[offset : offset + length]
        assert weights.stored.read(offset, length) == expected
        assert weights.on_disk.read(offset, length) == expected


def test_reading_on_reads_each_part_once(weights: Large) -> None:
    for offset in range(0, weights.stored.size, 10_000):
        weights.stored.read(offset, 10_000)
    assert weights.database.reads == [part.oid for part in weights.stored.parts]


def test_what_is_shared_is_not_read(repository: Repository, weights: Large, tmp_path: Path) -> None:
    """An insertion at the start moves every byte, and all parts but the first are the same objects."""
    moved = large(repository, tmp_path / "moved", b"inserted" + weights.content)
    for other in (moved.stored, moved.on_disk):
        assert hold_same_bytes(weights.stored, other, b_offset=8, length=weights.stored.size)
    assert weights.database.reads == [weights.stored.parts[0].oid]
    assert moved.database.reads == [moved.stored.parts[0].oid]


def test_the_first_difference_ends_it(repository: Repository, weights: Large, tmp_path: Path) -> None:
    other = large(repository, tmp_path / "other", noise(6 * MIB, seed=1))
    assert not hold_same_bytes(weights.stored, other.stored, length=6 * MIB)
    assert weights.database.reads == [weights.stored.parts[0].oid]
    assert other.database.reads == [other.stored.parts[0].oid]


def test_an_empty_file(repository: Repository, tmp_path: Path) -> None:
    empty = on_disk(repository, make(tmp_path / "empty", {b"w": b""}))
    nothing: Content = joined(repository.objects, [])
    assert (empty.size, empty.read(0, 5)) == (nothing.size, nothing.read(0, 5)) == (0, b"")
    assert hold_same_bytes(empty, nothing, length=0)


def test_hashing_writes_nothing(repository: Repository, tmp_path: Path) -> None:
    directory = make(tmp_path / "weights", {b"w": noise(LARGE + 1), b"small": b"x", b"in": {b"deep": b"y"}})
    cache = repository.stat_cache()
    read: list[int] = []
    hashed_files = hash_files(scan_directory(directory), repository.objects, cache, progress=read.append)
    assert sum(read) == LARGE + 3
    assert {path.name: sum(hashed.sizes) for path, hashed in hashed_files.items()} == {
        "w": LARGE + 1,
        "small": 1,
        "deep": 1,
    }
    assert pack_names(repository.common / "objects") == []
    tree = store(repository, directory, cache)
    listed = stored.list_files(repository.objects, tree, joined=True)
    assert {directory / file.path: file.parts for file in listed} == {
        path: hashed.parts for path, hashed in hashed_files.items()
    }
    assert hash_files(scan_directory(directory), repository.objects, cache) == hashed_files


def test_what_the_cache_knows_and_the_repository_lost_is_read_again(
    repository: Repository, weights: Large, tmp_path: Path
) -> None:
    for path in (repository.common / "objects" / "pack").iterdir():
        path.unlink()
    fresh = Repository(repository.git_directory)
    assert on_disk(fresh, tmp_path / "weights").parts == weights.stored.parts


def test_a_file_on_disk_that_changes(weights: Large) -> None:
    weights.on_disk.read(0, 10)
    with weights.on_disk.path.open("r+b") as file:
        file.write(b"other")
    with refuses(weights.on_disk.path):
        weights.on_disk.read(0, 10)


def test_a_file_on_disk_that_is_replaced_or_gone(repository: Repository, weights: Large) -> None:
    path = weights.on_disk.path
    again = on_disk(repository, path.parent)
    path.unlink()
    with refuses(path):
        weights.on_disk.read(0, 10)
    path.write_bytes(weights.content)
    with refuses(path):
        again.read(0, 10)


def test_a_file_on_disk_is_closed_when_nobody_needs_it(repository: Repository, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    file = on_disk(repository, make(tmp_path / "files", {b"w": b"x"}))
    file.read(0, 1)
    del file
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_part_that_is_missing_or_damaged(repository: Repository, weights: Large) -> None:
    gone = Oid.of(Kind.BLOB, b"nowhere")
    with refuses(gone, kind=MissingObject):
        _ = joined(repository.objects, [b"nowhere"]).size
    (path,) = (repository.common / "objects" / "pack").glob("*.pack")
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    database = Counting(repository.common / "objects")
    with pytest.raises(BrokenObject):
        Joined(database, weights.file).read(0, weights.stored.size)
