"""Reading a large file in the parts that it is stored in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import FileIO
from typing import NamedTuple

from gitstore.bigfiles import cuts, fastcdc
from gitstore.bigfiles.word_width import find_width
from gitstore.tensors.regions import find_regions


class CutPart(NamedTuple):
    """The bytes of a part as they are in the file, and the width of the words whose planes are stored."""

    content: bytes
    width: int


def count_parts(file: FileIO, size: int) -> int | None:
    """Return in how many parts an open file will be cut; `None` if that depends on its content."""
    count = 0
    for segment in _plan(file, size):
        if segment.by_content and segment.end - segment.start > fastcdc.PART_MIN:
            return None
        count += 1
    return count


def cut_file(file: FileIO, size: int) -> Iterator[CutPart]:
    """Yield the parts of the first `size` bytes of an open file; fewer, if it has become shorter.

    The position of the file does not matter and does not move.
    """
    for segment in _plan(file, size):
        for content in _read_segment(file.fileno(), segment):
            yield CutPart(content, find_width(content) if segment.width is None else segment.width)


def _plan(file: FileIO, size: int) -> Iterator[cuts.Segment]:
    regions = find_regions(_FileRange(file.fileno(), 0, end=size)) or []
    return cuts.plan(regions, size)


def _read_segment(descriptor: int, segment: cuts.Segment) -> Iterator[bytes]:
    source = _FileRange(descriptor, segment.start, end=segment.end)
    if segment.by_content:
        return fastcdc.cut_stream(source)
    return iter([source.read(0, segment.end - segment.start)])


class _FileRange:
    """The bytes of an open file from `start` up to `end`, to be read at random places or as a stream."""

    def __init__(self, descriptor: int, start: int, *, end: int) -> None:
        self.size = end - start
        self._descriptor = descriptor
        self._start = self._position = start
        self._end = end

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes `[offset : offset + length]` of the range; fewer, if the file ends before."""
        start = self._start + offset
        end = min(start + length, self._end)
        pieces = []
        while start < end and (piece := os.pread(self._descriptor, end - start, start)):
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: memoryview, /) -> int:
        view = memoryview(buffer)[: self._end - self._position]
        length = os.preadv(self._descriptor, [view], self._position) if view else 0
        self._position += length
        return length
