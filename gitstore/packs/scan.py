"""Following a pack while it streams by: its entries with their sizes, before they are inflated.

Nothing is kept and no delta is applied. Whoever watches can stop a pack at the first entry that is too large.
"""

from __future__ import annotations

from typing import Any, Protocol

from isal import isal_zlib

from gitstore.packs import format as pack_format
from gitstore.packs.compression import IsalError
from gitstore.packs.oid import Kind, Oid

_FEWEST = 1 + 8 + pack_format.TRAILER_SIZE
"""Bytes from the start of an entry to the end of the pack, at the least; no header of an entry is longer."""

_SMALLEST_WINDOW, _LARGEST_WINDOW = 512, 8 * 1024
"""Bytes that are inflated at a time. Deflate expands a thousand times, so at most 8 MiB come of it."""

_DELTA_SIZES = 2 * pack_format.ENTRY_HEADER_MAX


class PackWatch(Protocol):
    """Is told what a pack has. Each method may raise to stop."""

    def begin(self, count: int) -> None:
        """The pack says that it has `count` entries."""

    def enter(self, kind: Kind | None, size: int, *, at: int) -> None:
        """An entry begins, of `size` bytes inflated, at a byte of the pack. `kind` is `None` for a delta."""

    def see_base(self, back: int, oid: Oid | None) -> None:
        """The entry is a delta on the one that begins so many bytes in front of it, or on an object."""

    def see_delta(self, base: int, result: int) -> None:
        """The delta builds an object of `result` bytes on one of `base` bytes."""

    def advance(self, packed: int, inflated: int) -> None:
        """So many bytes of entries have been inflated in all, deltas as they are."""


class PackScanner:
    """Follows one pack. `feed` takes its bytes in pieces of any size."""

    def __init__(self, watch: PackWatch) -> None:
        self._watch = watch
        self._buffer = bytearray()
        self._remaining: int | None = None
        self._entry: _Entry | None = None
        self._packed = self._inflated = 0
        self._passed = 0  # bytes of the pack in front of the buffer

    def feed(self, data: bytes) -> None:
        """Follow the next bytes. Raises `ValueError` if they are no pack, and what the watch raises."""
        self._buffer += data
        at = 0
        try:
            while (length := self._step(at)) > 0:
                at += length
        finally:
            self._passed += at
            del self._buffer[:at]

    def _step(self, at: int) -> int:
        """Follow what the buffer has at a place, and return its length; 0 if more is needed."""
        left = len(self._buffer) - at
        if self._entry is not None:
            return self._inflate(self._entry, at) if left else 0
        if self._remaining is None:
            return self._begin(at) if left >= pack_format.PACK_HEADER_SIZE else 0
        if self._remaining == 0:
            return left  # the checksum, which git compares
        return self._enter(at) if left >= _FEWEST else 0

    def _begin(self, at: int) -> int:
        start = bytes(self._buffer[at : at + pack_format.PACK_HEADER_SIZE])
        if start[:4] != b"PACK" or start[4:8] != b"\0\0\0\2":
            raise ValueError("it is not a pack of version 2")
        self._remaining = int.from_bytes(start[8:], "big")
        self._watch.begin(self._remaining)
        return len(start)

    def _enter(self, at: int) -> int:
        start = bytes(self._buffer[at : at + _FEWEST])
        header = pack_format.parse_entry_header(start)
        self._watch.enter(header.kind, header.size, at=self._passed + at)
        length = header.length
        if header.kind is None:
            base = pack_format.parse_base(start, header.length)
            self._watch.see_base(base.back, base.oid)
            length += base.length
        self._entry = _Entry(header.size, is_delta=header.kind is None)
        return length

    def _inflate(self, entry: _Entry, at: int) -> int:
        window = bytes(self._buffer[at : at + entry.window])
        inflated = entry.inflate(window)
        used = len(window) - entry.unused
        self._packed += used
        self._inflated += inflated
        if entry.delta is not None:
            self._watch.see_delta(*entry.take_delta())
        self._watch.advance(self._packed, self._inflated)
        if entry.is_over and self._remaining is not None:
            self._remaining -= 1
            self._entry = None
        return used


class _Entry:
    """An entry that is being inflated."""

    def __init__(self, size: int, *, is_delta: bool) -> None:
        self.window = _SMALLEST_WINDOW
        self.delta: tuple[int, int] | None = None
        self._size = size
        self._inflated = 0
        self._start = b"" if is_delta else None
        self._stream: Any = isal_zlib.decompressobj()

    def inflate(self, window: bytes) -> int:
        """Inflate bytes, and return how many came of it. Raises `ValueError`."""
        try:
            content = self._stream.decompress(window)
        except IsalError as error:
            raise ValueError(f"an entry cannot be inflated: {error}") from error
        self._inflated += len(content)
        self.window = min(2 * self.window, _LARGEST_WINDOW)
        if self._inflated > self._size or (self.is_over and self._inflated < self._size):
            raise ValueError(f"an entry of {self._size:,} bytes has another size")
        if self._start is not None:
            self._read_delta(content)
        return len(content)

    @property
    def is_over(self) -> bool:
        return bool(self._stream.eof)

    @property
    def unused(self) -> int:
        """Bytes of the last window that belong to the next entry."""
        return len(self._stream.unused_data)

    def take_delta(self) -> tuple[int, int]:
        """Return the sizes of a delta's base and result, once."""
        delta, self.delta = self.delta or (0, 0), None
        return delta

    def _read_delta(self, content: bytes) -> None:
        self._start = (self._start or b"") + content[:_DELTA_SIZES]
        if len(self._start) >= _DELTA_SIZES or self.is_over:
            self.delta = pack_format.parse_delta_sizes(self._start)
            self._start = None
