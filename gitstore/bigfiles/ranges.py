"""Random access to files that are stored in parts or on disk, and comparing two such files.

A part of a stored file is read when bytes of it are needed. Equal parts hold equal bytes, so comparing two
files does not read what they share.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from gitstore.bigfiles.hash import HashedFile
from gitstore.bigfiles.parts import Part
from gitstore.bigfiles.stat_cache import Stamp
from gitstore.bigfiles.stored import StoredFile, read_part
from gitstore.errors import GitstoreError
from gitstore.objects.database import ObjectDatabase
from gitstore.progress import Progress

_PARTS = 2
"""Parts of a file that are kept in memory, since a range that begins in one often ends in the next."""

_BLOCK = 1024 * 1024
"""Bytes that are compared at a time."""


class Piece(NamedTuple):
    """The bytes of a file, from `start` up to `end`, that are one part."""

    part: Part
    start: int
    end: int


class Content(Protocol):
    """A file's bytes, wherever they are."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that the file is, or would be, stored in. Equal parts mean equal bytes."""

    @property
    def pieces(self) -> Sequence[Piece]:
        """The place of each part in the file, without gaps."""

    @property
    def size(self) -> int:
        """The size in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes `[offset : offset + length]`, fewer at the end of the file."""


class Joined:
    """A stored file. At most two parts are in memory, each checked against its id when it is read.

    Not thread-safe. `read` raises `Corrupt` for a damaged part.
    """

    def __init__(self, database: ObjectDatabase, file: StoredFile) -> None:
        self.parts = file.parts
        self._file = file
        self._database = database
        self._recent: dict[int, bytes | memoryview] = {}

    @cached_property
    def pieces(self) -> Sequence[Piece]:
        return lay_out(self.parts, self._file.part_sizes(self._database))

    @property
    def size(self) -> int:
        return self.pieces[-1].end if self.pieces else 0

    def read(self, offset: int, length: int) -> bytes:
        slices = []
        number = find_piece(self.pieces, offset)
        end = min(offset + length, self.size)
        while offset < end:
            piece = self.pieces[number]
            slices.append(self._read_part(number)[offset - piece.start : end - piece.start])
            offset, number = piece.end, number + 1
        return b"".join(slices)

    def _read_part(self, number: int) -> bytes | memoryview:
        content = self._recent.pop(number, None)
        if content is None:
            content = read_part(self._database, self.parts[number])
        self._recent[number] = content
        if len(self._recent) > _PARTS:
            del self._recent[next(iter(self._recent))]
        return content


class OnDisk:
    """A file on disk, as it was when it was hashed.

    Not thread-safe. `read` raises `GitstoreError` if the file has changed since then.
    """

    def __init__(self, path: Path, hashed: HashedFile) -> None:
        self.path = path
        self.parts = hashed.parts
        self.pieces = lay_out(hashed.parts, hashed.sizes)
        self.size = hashed.stamp.size
        self._stamp = hashed.stamp
        self._descriptor: int | None = None

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            content = os.pread(self._descriptor, length, offset)
            stamp = Stamp.of(os.fstat(self._descriptor))
        except OSError as error:
            raise GitstoreError(f"{self.path}: {error.strerror}") from error
        if stamp != self._stamp or len(content) != length:
            raise GitstoreError(
                f"{self.path} changed while it was being read", "try again when nothing writes to it"
            )
        return content

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def lay_out(parts: Sequence[Part], sizes: Sequence[int]) -> tuple[Piece, ...]:
    """Place parts one after the other, as they make up a file."""
    pieces = []
    end = 0
    for part, size in zip(parts, sizes, strict=True):
        pieces.append(Piece(part, end, end + size))
        end += size
    return tuple(pieces)


def find_piece(pieces: Sequence[Piece], offset: int) -> int:
    """Return the index of the piece with the byte at `offset`; past the end, that of the last piece."""
    return bisect_right(pieces, offset, key=lambda piece: piece.start) - 1


def count_shared(content: Content, parts: Collection[Part], *, start: int, end: int) -> int:
    """Count the bytes of a range, which must lie within the file, that are in some of these parts."""
    if start == end:
        return 0
    first, last = find_piece(content.pieces, start), find_piece(content.pieces, end - 1)
    return sum(
        min(piece.end, end) - max(piece.start, start)
        for piece in content.pieces[first : last + 1]
        if piece.part in parts
    )


def hold_same_bytes(
    a: Content,
    b: Content,
    *,
    a_offset: int = 0,
    b_offset: int = 0,
    length: int,
    progress: Progress = lambda _: None,
) -> bool:
    """Whether two ranges, which must lie within their files, hold the same bytes.

    Nothing is read where both lie at the same place of the same part. Stops at the first difference.
    `progress` is called with the bytes compared.
    """
    while length > 0:
        a_piece = a.pieces[find_piece(a.pieces, a_offset)]
        b_piece = b.pieces[find_piece(b.pieces, b_offset)]
        step = min(length, a_piece.end - a_offset, b_piece.end - b_offset)
        shared = a_piece.part == b_piece.part and a_offset - a_piece.start == b_offset - b_piece.start
        if not shared:
            step = min(step, _BLOCK)
            if a.read(a_offset, step) != b.read(b_offset, step):
                return False
        progress(step)
        a_offset, b_offset, length = a_offset + step, b_offset + step, length - step
    return True
