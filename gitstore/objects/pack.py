"""Reading one pack: whole entries, by pread, so that memory holds one object and not the file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

from gitstore.errors import Corrupt
from gitstore.objects import pack_format
from gitstore.objects.deflate import inflate, inflate_pieces
from gitstore.objects.descriptors import PACK_FILES
from gitstore.objects.oid import Kind, Oid
from gitstore.objects.pack_index import PackIndex, remedy
from gitstore.objects.pack_writer import GIT_MARK, KEEP_MARK

SUFFIXES = (".idx", ".rev", ".bitmap", ".pack", ".keep")
"""How the files of a pack end, in the order in which they go."""


_BLOCK = 4 * 1024 * 1024


class Packed(NamedTuple):
    """One object's place in one pack."""

    pack: Pack
    position: int

    @property
    def oid(self) -> Oid:
        return self.pack.index.oid(self.position)

    @property
    def disk_size(self) -> int:
        """Bytes the object takes in the pack: header and stream, git's `objectsize:disk`."""
        start, end = self.pack.span(self.position)
        return end - start


class Pack:
    """A pack and its index. `size` is the pack file's. Safe to use from many threads."""

    def __init__(self, index_path: Path) -> None:
        """Read the index; the pack itself is opened when it is first needed.

        Raises `FileNotFoundError` if either has gone, and `Corrupt` if the index is damaged.
        """
        self._descriptor: int | None = None
        self._opening = threading.Lock()
        self.index = PackIndex(index_path)
        self.path = index_path.with_suffix(".pack")
        self.size = self.path.stat().st_size

    def __repr__(self) -> str:
        return f"Pack({self.path.name})"

    @property
    def keep_path(self) -> Path:
        return self.path.with_suffix(".keep")

    @property
    def is_ours(self) -> bool:
        """Whether gitstore has the pack and still marks it as its own, so that nobody else removes it."""
        return self._mark in (KEEP_MARK, GIT_MARK)

    @property
    def is_plain(self) -> bool:
        """Whether the pack is ours, and has no deltas: its entries can stand in other packs."""
        return self._mark == KEEP_MARK

    @property
    def is_linked(self) -> bool:
        """Whether another repository has the same file: then it costs nothing to have it here."""
        return self.path.stat().st_nlink > 1

    @property
    def disk_size(self) -> int:
        """Bytes of the pack and of all files that belong to it."""
        paths = (self.path.with_suffix(suffix) for suffix in SUFFIXES)
        return sum(path.stat().st_size for path in paths if path.exists())

    def span(self, position: int) -> tuple[int, int]:
        """The bytes of the pack that hold the entry: from, to. Raises `Corrupt` if it has none there."""
        start, end = self.index.span(position, self.size)
        if not pack_format.PACK_HEADER_SIZE <= start < end <= self.size - pack_format.TRAILER_SIZE:
            raise Corrupt(f"{self.path}: object {self.index.oid(position)} lies outside the pack")
        return start, end

    def disk_sizes(self) -> Iterator[tuple[bytes, int]]:
        """The id of every object, and the bytes that it takes in the pack. Raises `Corrupt`."""
        return zip(self.index.raw_oids(), self.index.sizes(self.size), strict=True)

    def entry_bytes(self, position: int) -> bytes:
        """The entry as it stands in the pack, header and all. Raises `Corrupt` if the pack is too short."""
        start, end = self.span(position)
        data = self._pread(end - start, start)
        if len(data) != end - start:
            raise Corrupt(f"{self.path}: object {self.index.oid(position)} is cut short")
        return data

    def check_index(self) -> None:
        """Raise `Corrupt` unless the index is as it was written, and is this pack's."""
        self.index.check()
        trailer = self._pread(pack_format.TRAILER_SIZE, self.size - pack_format.TRAILER_SIZE)
        if trailer != self.index.pack_checksum:
            raise Corrupt(f"{self.index.path}: it is the index of another pack", remedy(self.index.path))

    def check_content(self) -> None:
        """Raise `Corrupt` unless the whole pack has the checksum that it was written with."""
        digest, tail = hashlib.sha1(), b""
        for block in self.blocks(_BLOCK):
            data = tail + block
            digest.update(memoryview(data)[: -pack_format.TRAILER_SIZE])
            tail = data[-pack_format.TRAILER_SIZE :]
        if digest.digest() != tail or tail != self.index.pack_checksum:
            raise Corrupt(f"{self.path}: its checksum is wrong")

    def checked_entry(self, position: int) -> bytes:
        """The entry as it stands in the pack, to stand in another one.

        Raises `Corrupt` if it is not what the index has the checksum of, does not hash to its id, or is
        a delta, which means nothing elsewhere. A copy gets a checksum that is right, whatever it holds.
        """
        data, oid = self.entry_bytes(position), self.index.oid(position)
        where = f"{self.path}: object {oid}"
        if isal_zlib.crc32(data) != self.index.crc32(position):
            raise Corrupt(f"{where} is corrupt: its checksum is wrong")
        kind, size, length = self._parse(data, position)
        if kind is None:
            raise Corrupt(f"{where} is a delta, in a pack of ours")
        try:
            content_id = Oid.of_pieces(kind, size, inflate_pieces(memoryview(data)[length:], size))
        except ValueError as error:
            raise Corrupt(f"{where}: {error}") from error
        if content_id != oid:
            raise Corrupt(f"{where} is corrupt: its content has the id {content_id}", remedy(self.index.path))
        return data

    def in_file_order(self) -> list[int]:
        """All positions, in the order of their offsets."""
        return sorted(range(self.index.count), key=self.index.offset)

    def header(self, position: int) -> pack_format.EntryHeader:
        """The entry's kind and inflated size, without inflating it. Raises `Corrupt`."""
        start, _ = self.span(position)
        return self._parse(self._pread(pack_format.ENTRY_HEADER_MAX, start), position)

    def read(self, position: int) -> tuple[Kind, bytes] | None:
        """The object, not yet checked against its id, or `None` if it is stored as a delta.

        Raises `Corrupt` if the entry cannot be read.
        """
        data = self.entry_bytes(position)
        try:
            kind, size, length = pack_format.parse_entry_header(data)
            if kind is None:
                return None
            return kind, inflate(memoryview(data)[length:], size)
        except ValueError as error:
            raise Corrupt(f"{self.path}: object {self.index.oid(position)}: {error}") from error

    def blocks(self, size: int) -> Iterator[bytes]:
        """The whole file from its start, in blocks."""
        offset = 0
        while data := self._pread(size, offset):
            yield data
            offset += len(data)

    @property
    def _mark(self) -> bytes:
        """What says to whom the pack belongs; nothing if nothing does."""
        try:
            return self.keep_path.read_bytes()
        except OSError:
            return b""

    def _pread(self, length: int, start: int) -> bytes:
        if self._descriptor is not None or self._keep_open():
            return os.pread(self._descriptor, length, start)  # type: ignore[arg-type]
        with self.path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), length, start)

    def _keep_open(self) -> bool:
        """Open the file for good, unless too many are: what another process merges away stays readable."""
        with self._opening:
            if self._descriptor is None and PACK_FILES.take():
                try:
                    self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                except OSError:
                    PACK_FILES.give_back()
                    raise
            return self._descriptor is not None

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            PACK_FILES.give_back()

    def _parse(self, data: bytes, position: int) -> pack_format.EntryHeader:
        try:
            return pack_format.parse_entry_header(data)
        except ValueError as error:
            raise Corrupt(f"{self.path}: object {self.index.oid(position)}: {error}") from error
