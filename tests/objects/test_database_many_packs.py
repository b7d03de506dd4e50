"""More packs than a process may have files open."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from isal import isal_zlib

from gitstore.git.repository import Repository
from gitstore.packs import format as pack_format
from gitstore.packs.format import KEEP_MARK, Entry
from gitstore.packs.oid import Kind, Oid
from tests.support import combinations
from tests.support.commands import git
from tests.support.packs import add_blobs, entry

COUNT, FILES = 1500, 400
OURS = 100


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def quick_pack(directory: Path, content: bytes, *, is_ours: bool) -> None:
    """A pack of one blob, unsynced."""
    oid, stream = entry(content)
    pack = pack_format.pack_header(1) + stream
    checksum = hashlib.sha1(pack).digest()
    path = directory / f"pack-{checksum.hex()}"
    path.with_suffix(".pack").write_bytes(pack + checksum)
    index = pack_format.encode_index(
        [Entry(oid, pack_format.PACK_HEADER_SIZE, isal_zlib.crc32(stream))], checksum
    )
    path.with_suffix(".idx").write_bytes(index)
    if is_ours:
        path.with_suffix(".keep").write_bytes(KEEP_MARK)


@combinations.rest
@pytest.mark.usefixtures("few_files")
def test_more_packs_than_may_be_open_are_read_and_merged(repository: Repository) -> None:
    directory = repository.common / "objects" / "pack"
    directory.mkdir(exist_ok=True)
    contents = [b"weights %d" % number for number in range(COUNT)]
    for number, content in enumerate(contents):
        quick_pack(directory, content, is_ours=number < OURS)
    objects = repository.objects
    objects.refresh()
    oids = [Oid.of(Kind.BLOB, content) for content in contents]
    assert [objects.read(oid)[1] for oid in oids] == contents
    assert git("cat-file", "blob", str(oids[-1]), cwd=repository.directory).encode() == contents[-1]
    add_blobs(objects, b"one more")
    repository.maintain()
    assert len(objects.own_packs) == COUNT - OURS + 1
    assert objects.read(oids[0]) == (Kind.BLOB, contents[0])
