"""Reading one pack, entry by entry with pread(2), so that memory holds one object and not the whole file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

from gitstore.errors import Corrupt
from gitstore.packs import format as pack_format
from gitstore.packs import limits
from gitstore.packs.compression import inflate, inflate_pieces
from gitstore.packs.descriptors import PACK_FILES
from gitstore.packs.format import GIT_MARK, KEEP_MARK
from gitstore.packs.index import PackIndex, remedy
from gitstore.packs.oid import Kind, Oid

_MARKS = (KEEP_MARK, GIT_MARK)

SUFFIXES = (".idx", ".rev", ".bitmap", ".promisor", ".pack", ".keep")
"""The suffixes of a pack's files, in the order in which they are deleted."""


_BLOCK = 4 * 1024 * 1024
_FEED = 256 * 1024
_DELTA_START = 128  # bytes of an entry that include its header, its base, and the two sizes after that
_DEEPEST_CHAIN = 4096  # git makes no deeper ones: pack.depth has 12 bits


class Packed(NamedTuple):
    """The place of an object in a pack."""

    pack: Pack
    position: int

    @property
    def oid(self) -> Oid:
        return self.pack.index.oid(self.position)

    @property
    def disk_size(self) -> int:
        """Bytes of the object in the pack: header and stream, git's `objectsize:disk`."""
        start, end = self.pack.span(self.position)
        return end - start


class Pack:
    """A pack and its index. `size` is the pack file's. Safe to use from many threads."""

    def __init__(self, index_path: Path) -> None:
        """Read the index. The pack itself is opened when it is first needed.

        Raises `FileNotFoundError` if either file does not exist, and `Corrupt` if the index is damaged.
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
        """Whether the pack has the `.keep` of gitstore, which prevents git from removing it.

        A pack that git fetched into a partial clone has the mark in its `.promisor`: git gc would copy
        the objects of one that it must keep.
        """
        return self._mark in _MARKS or (not self._mark and self._is_marked_promise)

    @property
    def is_plain(self) -> bool:
        """Whether the pack is ours and has no deltas, so that its entries can be copied into other packs."""
        return self._mark == KEEP_MARK

    @property
    def is_promised(self) -> bool:
        """Whether git fetched the pack into a partial clone: what its objects lack, the remote has."""
        return self.path.with_suffix(".promisor").exists()

    @property
    def is_linked(self) -> bool:
        """Whether another repository has a hard link to the same file."""
        return self.path.stat().st_nlink > 1

    @property
    def disk_size(self) -> int:
        """Bytes of all files of the pack."""
        paths = (self.path.with_suffix(suffix) for suffix in SUFFIXES)
        return sum(path.stat().st_size for path in paths if path.exists())

    def span(self, position: int) -> tuple[int, int]:
        """Return where an entry begins and ends. Raises `Corrupt` if that is outside the pack."""
        start, end = self.index.span(position, self.size)
        if not pack_format.PACK_HEADER_SIZE <= start < end <= self.size - pack_format.TRAILER_SIZE:
            raise Corrupt(f"{self.path}: object {self.index.oid(position)} lies outside the pack")
        return start, end

    def disk_sizes(self) -> Iterator[tuple[bytes, int]]:
        """Iterate over the ids of all objects and their bytes in the pack. Raises `Corrupt`."""
        return zip(self.index.raw_oids(), self.index.sizes(self.size), strict=True)

    def entry_bytes(self, position: int) -> bytes:
        """Return an entry as it is in the pack, with its header.

        Raises `Corrupt` if the pack is too short.
        """
        return self._read_entry(position, self.span(position))

    def _read_entry(self, position: int, span: tuple[int, int]) -> bytes:
        start, end = span
        data = self._pread(end - start, start)
        if len(data) != end - start:
            raise Corrupt(f"{self.path}: object {self.index.oid(position)} is cut short")
        return data

    def check_index(self) -> None:
        """Raise `Corrupt` unless the index has its own checksum, and the pack has the one in the index."""
        self.index.check()
        at = self.size - pack_format.TRAILER_SIZE
        if at < pack_format.PACK_HEADER_SIZE:
            raise Corrupt(f"{self.path}: it is cut short")
        if self._pread(pack_format.TRAILER_SIZE, at) != self.index.pack_checksum:
            raise Corrupt(
                f"{self.path}: it is cut short, or its index is that of another pack",
                remedy(self.index.path),
            )

    def check_content(self) -> None:
        """Read the whole pack, and raise `Corrupt` unless it has the checksum with which it was written."""
        digest, tail = hashlib.sha1(), b""
        for block in self.blocks(_BLOCK):
            data = tail + block
            digest.update(memoryview(data)[: -pack_format.TRAILER_SIZE])
            tail = data[-pack_format.TRAILER_SIZE :]
        if digest.digest() != tail or tail != self.index.pack_checksum:
            raise Corrupt(f"{self.path}: its checksum is wrong")

    def checked_entry(self, position: int) -> bytes:
        """Return an entry to be copied into another pack.

        Raises `Corrupt` if the entry does not have its checksum in the index, does not hash to its id, or
        is a delta. Nothing would reveal damage in the copy, because a new pack gets new checksums.
        """
        data, oid = self.entry_bytes(position), self.index.oid(position)
        where = f"{self.path}: object {oid}"
        if isal_zlib.crc32(data) != self.index.crc32(position):
            raise Corrupt(f"{where} is corrupt: its checksum is wrong")
        kind, size, length = self._parse(data, position)
        if kind is None:
            raise Corrupt(f"{where} is a delta, in a pack of ours")
        try:
            content_id = Oid.of_pieces(kind, inflate_pieces([memoryview(data)[length:]], size), size=size)
        except ValueError as error:
            raise Corrupt(f"{where}: {error}") from error
        if content_id != oid:
            raise Corrupt(f"{where} is corrupt: its content has the id {content_id}", remedy(self.index.path))
        return data

    def positions_in_file_order(self) -> list[int]:
        """Return all positions, in the order of their offsets."""
        return sorted(range(self.index.count), key=self.index.offset)

    def header(self, position: int) -> pack_format.EntryHeader:
        """Return the header of an entry, with its kind and inflated size. Raises `Corrupt`."""
        start, _ = self.span(position)
        return self._parse(self._pread(pack_format.ENTRY_HEADER_MAX, start), position)

    def read(self, position: int, at_most: int = limits.PART) -> tuple[Kind, bytes] | None:
        """Return an object's kind and content, not checked against its id; `None` if it is a delta.

        Raises `Corrupt` if the entry cannot be read, and `limits.TooMuch` for a blob of more than `at_most`
        bytes or another object over the limit of its kind.
        """
        start, end = self.span(position)
        if end - start > limits.MIB:  # reading a stored stream takes as much memory, so check first
            kind, size, _ = self.header(position)
            if kind is None:
                return None
            limits.check(kind, size, at_most)
        data = self._read_entry(position, (start, end))
        try:
            kind, size, length = pack_format.parse_entry_header(data)
            if kind is None:
                return None
            limits.check(kind, size, at_most)
            return kind, inflate(memoryview(data)[length:], size)
        except limits.TooMuch:
            raise
        except ValueError as error:
            raise Corrupt(f"{self.path}: object {self.index.oid(position)}: {error}") from error

    def read_pieces(self, position: int) -> Iterator[bytes]:
        """Yield the content of an object that is not a delta, in pieces, not checked. Raises `Corrupt`."""
        start, end = self.span(position)
        header = self.header(position)
        offsets = range(start + header.length, end, _FEED)
        try:
            yield from inflate_pieces((self._pread(min(_FEED, end - at), at) for at in offsets), header.size)
        except ValueError as error:
            raise Corrupt(f"{self.path}: object {self.index.oid(position)}: {error}") from error

    def largest_in_chain(self, position: int) -> int:
        """Return the size of the largest object that must be inflated to read a delta. Raises `Corrupt`."""
        offset, _ = self.span(position)
        largest = 0
        for _ in range(_DEEPEST_CHAIN):
            data = self._pread(_DELTA_START, offset)
            try:
                kind, size, length = pack_format.parse_entry_header(data)
                if kind is not None:
                    return max(largest, size)
                base, result, back, oid = pack_format.parse_delta(data, length)
            except ValueError as error:
                raise Corrupt(f"{self.path}: object {self.index.oid(position)}: {error}") from error
            largest = max(largest, base, result, size)  # the delta itself is inflated as well
            at = self.index.find(oid) if oid is not None else None
            if back > offset - pack_format.PACK_HEADER_SIZE or (oid is not None and at is None):
                break
            offset = self.index.offset(at) if at is not None else offset - back
        raise Corrupt(f"{self.path}: object {self.index.oid(position)} is a delta without a base")

    def blocks(self, size: int) -> Iterator[bytes]:
        """Yield the whole file in blocks of `size` bytes."""
        offset = 0
        while data := self._pread(size, offset):
            yield data
            offset += len(data)

    @property
    def _is_marked_promise(self) -> bool:
        try:
            with self.path.with_suffix(".promisor").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - len(GIT_MARK)))
                return file.read() == GIT_MARK
        except OSError:
            return False

    @property
    def _mark(self) -> bytes:
        """The content of the pack's `.keep`; empty if there is none."""
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
        """Open the file and keep it open, so that it stays readable when another process removes it.

        Returns False if too many files are open.
        """
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


def is_our_mark(keep: Path) -> bool:
    """Whether a `.keep` is ours. git has one until the refs of a push are set, and people have theirs."""
    try:
        return keep.read_bytes() in _MARKS
    except OSError:
        return False
