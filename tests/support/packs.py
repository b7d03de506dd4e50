"""Packs to read, and what stands in a pack directory."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from gitstore.git.repository import Repository
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.compression import deflate
from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import PackWriter, Written


def entry(content: bytes, kind: Kind = Kind.BLOB) -> tuple[Oid, bytes]:
    """An object as it stands in a pack, and its id."""
    return Oid.of(kind, content), entry_header(kind, len(content)) + deflate(content)


def encode_stored(content: bytes) -> bytes:
    """A zlib stream of stored blocks, RFC 1950 and RFC 1951 section 3.2.4, each as long as it can be."""
    blocks = [content[start : start + 0xFFFF] for start in range(0, max(len(content), 1), 0xFFFF)]
    headers = [struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) for block in blocks]
    pieces = [part for pair in zip(headers, blocks, strict=True) for part in pair]
    return b"".join((b"\x78\x01", *pieces, struct.pack(">I", zlib.adler32(content))))


def write_pack(directory: Path, contents: Iterable[bytes]) -> Written:
    """A pack of blobs, in this order."""
    with PackWriter(directory) as writer:
        for content in dict.fromkeys(contents):
            writer.append(*entry(content))
        written = writer.finish()
    assert written is not None
    return written


def add_blobs(database: ObjectDatabase, *contents: bytes) -> Written | None:
    """One write of blobs to a repository."""
    with ObjectWriter(database) as writer:
        for content in contents:
            writer.add(Kind.BLOB, content)
        return writer.finish()


def add_loose(repository: Repository, kind: Kind, content: bytes) -> Oid:
    """A loose object, as git hash-object writes it; whatever it holds."""
    oid = Oid.of(kind, content)
    path = repository.common / "objects" / str(oid)[:2] / str(oid)[2:]
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(zlib.compress(b"%s %d\0" % (kind.word, len(content)) + content))
    return oid


def pack_names(objects: Path) -> list[str]:
    """Everything that stands in the pack directory of an object directory."""
    return sorted(path.name for path in (objects / "pack").iterdir())


def descriptors(path: Path) -> int:
    """How many descriptors this process has open on a file."""
    return sum(os.path.realpath(f"/proc/self/fd/{each}") == str(path) for each in os.listdir("/proc/self/fd"))
