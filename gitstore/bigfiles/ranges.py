"""Random access to a large file that is stored in parts, or on disk, and comparing two such files.

A stored file is not joined for it: a part is read when bytes of it are asked for. What a part holds
is told by its object id, so that two files are compared without reading what they share.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from gitstore.bigfiles.hash import HashedFile
from gitstore.bigfiles.stat_cache import Stamp
from gitstore.errors import GitstoreError
from gitstore.objects.database import ObjectDatabase
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.progress import Progress

_PARTS = 2
"""Parts of a file that are kept in memory: a range that begins in one often ends in the next."""

_BLOCK = 1024 * 1024
"""Bytes that are compared at a time."""


class Piece(NamedTuple):
    """The bytes of a file, from `start` up to `end`, that are one object."""

    oid: Oid
    start: int
    end: int


class Content(Protocol):
    """A file's bytes, wherever they are."""

    @property
    def blobs(self) -> tuple[Oid, ...]:
        """The objects that the file is, or would be, stored as: equal ones, equal bytes."""

    @property
    def pieces(self) -> Sequence[Piece]:
        """Where in the file each object's bytes are, without a gap."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """The slice `[offset : offset + length]`, shorter at the end of the file."""


class Joined:
    """A stored file. Holds two parts in memory at the most, each checked against its id when it is read.

    For one thread. `read` raises `Corrupt` for a part that is not what it should be.
    """

    def __init__(self, database: ObjectDatabase, blobs: tuple[Oid, ...]) -> None:
        self.blobs = blobs
        self._database = database
        self._recent: dict[int, bytes] = {}

    @cached_property
    def pieces(self) -> Sequence[Piece]:
        return laid_out(self.blobs, [self._database.size(blob) for blob in self.blobs])

    @property
    def size(self) -> int:
        return self.pieces[-1].end if self.pieces else 0

    def read(self, offset: int, length: int) -> bytes:
        found = []
        number = piece_at(self.pieces, offset)
        end = min(offset + length, self.size)
        while offset < end:
            piece = self.pieces[number]
            found.append(self._part(number)[offset - piece.start : end - piece.start])
            offset, number = piece.end, number + 1
        return b"".join(found)

    def _part(self, number: int) -> bytes:
        content = self._recent.pop(number, None)
        if content is None:
            content = self._database.read_as(Kind.BLOB, self.blobs[number], at_most=limits.PART)
        self._recent[number] = content
        if len(self._recent) > _PARTS:
            del self._recent[next(iter(self._recent))]
        return content


class OnDisk:
    """A file on disk, as it was when it was hashed.

    For one thread. `read` raises `GitstoreError` if the file has changed since.
    """

    def __init__(self, path: Path, hashed: HashedFile) -> None:
        self.path = path
        self.blobs = hashed.blobs
        self.pieces = laid_out(hashed.blobs, hashed.sizes)
        self.size = hashed.stamp.size
        self._stamp = hashed.stamp
        self._descriptor: int | None = None

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            content = os.pread(self._descriptor, length, offset)
            now = Stamp.of(os.fstat(self._descriptor))
        except OSError as error:
            raise GitstoreError(f"{self.path}: {error.strerror}") from error
        if now != self._stamp or len(content) != length:
            raise GitstoreError(
                f"{self.path} changed while it was being read", "try again when nothing writes to it"
            )
        return content

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def laid_out(blobs: Sequence[Oid], sizes: Sequence[int]) -> tuple[Piece, ...]:
    """Objects one after the other, as they make up a file."""
    pieces = []
    end = 0
    for oid, size in zip(blobs, sizes, strict=True):
        pieces.append(Piece(oid, end, end + size))
        end += size
    return tuple(pieces)


def piece_at(pieces: Sequence[Piece], offset: int) -> int:
    """The number of the piece that has the byte at `offset`; past the end, that of the last one."""
    return bisect_right(pieces, offset, key=lambda piece: piece.start) - 1


def same_bytes(
    a: Content,
    b: Content,
    *,
    a_offset: int = 0,
    b_offset: int = 0,
    length: int,
    progress: Progress = lambda _: None,
) -> bool:
    """Whether two ranges, which lie within their files, hold the same bytes.

    Where both lie at the same place of the same object, nothing is read. Stops at the first
    difference. `progress` is called with the bytes compared.
    """
    while length > 0:
        a_piece = a.pieces[piece_at(a.pieces, a_offset)]
        b_piece = b.pieces[piece_at(b.pieces, b_offset)]
        step = min(length, a_piece.end - a_offset, b_piece.end - b_offset)
        shared = a_piece.oid == b_piece.oid and a_offset - a_piece.start == b_offset - b_piece.start
        if not shared:
            step = min(step, _BLOCK)
            if a.read(a_offset, step) != b.read(b_offset, step):
                return False
        progress(step)
        a_offset, b_offset, length = a_offset + step, b_offset + step, length - step
    return True
