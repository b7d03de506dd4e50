"""Zlib streams (RFC 1950) as packs hold them: deflated with ISA-L where that pays, stored blocks otherwise.

What has byte planes is dealt with plane by plane (`plane_runs`). For all else, one choice is made for each
object, from a sample of it. Where nothing repeats, a window of 512 bytes gives the same size as the usual
32 KiB, at 1.8 times the speed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, cast

from isal import igzip_lib, isal_zlib

from gitstore.packs.plane_runs import LEVEL, NARROW, STORED, WIDE, WORTH, Run, plan
from gitstore.text import counted

ENOUGH = 1.01
"""Use the narrow window if it makes the stream at most this many times as long."""

_SAMPLE_PIECES = 4
_SAMPLE_PIECE = 8 * 1024
_SAMPLE = _SAMPLE_PIECES * _SAMPLE_PIECE
_FEED = 64 * 1024  # small, because the unconsumed rest is copied for each piece
_PIECE = 1024 * 1024
_STORED_MAX = 0xFFFF  # a stored block's length has 16 bits, RFC 1951 section 3.2.4
_ZLIB_HEADER = b"\x78\x01"
IsalError = cast("type[Exception]", isal_zlib.IsalError)  # its stub calls it an instance


def deflate(content: bytes | memoryview, *, width: int = 1) -> bytes:
    """Return a zlib stream of `content`: deflated if that saves a tenth of it, stored otherwise.

    With a `width` of 2, 4 or 8, the content is so many byte planes, and each is dealt with by itself.
    """
    view = memoryview(content)
    runs = [Run(0, len(view), _choose_window(view))] if width == 1 else plan(view, width)
    pieces: list[bytes | memoryview] = [_ZLIB_HEADER]
    for run in runs:
        pieces += _encode_run(run, view[run.start : run.end], final=run.end == len(view))
    pieces.append(struct.pack(">I", isal_zlib.adler32(view)))
    # One buffer costs a copy. Pieces cost more: each call with one may wait for the interpreter's lock.
    return b"".join(pieces)


def _choose_window(content: memoryview) -> int:
    """Choose how to deflate a content without planes, by a sample of it."""
    if len(content) <= _SAMPLE:
        return WIDE
    sample = _sample(content)
    wide = len(_compress(sample, WIDE))
    if wide > WORTH * len(sample):
        return STORED
    return NARROW if len(_compress(sample, NARROW)) <= ENOUGH * wide else WIDE


def _encode_run(run: Run, content: memoryview, *, final: bool) -> list[bytes | memoryview]:
    """Return deflate blocks (RFC 1951) that end with a byte. `final` marks the last of them."""
    if run.window != STORED:
        compress = _compress if final else _compress_unfinished
        stream = compress(content, run.window, level=run.level)
        if len(stream) <= WORTH * len(content):
            return [stream]
    return _stored_blocks(content, final=final)


def _stored_blocks(run: memoryview, *, final: bool) -> list[bytes | memoryview]:
    pieces: list[bytes | memoryview] = []
    for start in range(0, max(len(run), 1), _STORED_MAX):
        block = run[start : start + _STORED_MAX]
        is_last = final and start + _STORED_MAX >= len(run)
        pieces.append(struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF))
        pieces.append(block)
    return pieces


def deflate_stream(blocks: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """Yield a zlib stream of all blocks in pieces.

    The first block decides as in `deflate` whether it is stored.
    """
    blocks = iter(blocks)
    first = next(blocks, b"")
    sample = _sample(first) if len(first) > _SAMPLE else first
    if len(_compress(sample, WIDE)) > WORTH * len(sample):
        yield from _encode_stored_stream(chain([first], blocks))
        return
    engine = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, WIDE)
    for block in chain([first], blocks):
        yield engine.compress(block)
    yield engine.flush()


def _encode_stored_stream(blocks: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """Yield a stream of stored blocks in pieces; it ends with an empty block."""
    checksum = isal_zlib.adler32(b"")
    yield _ZLIB_HEADER
    for block in blocks:
        checksum = isal_zlib.adler32(block, checksum)
        for start in range(0, len(block), _STORED_MAX):
            piece = memoryview(block)[start : start + _STORED_MAX]
            yield struct.pack("<BHH", 0, len(piece), len(piece) ^ 0xFFFF)
            yield piece
    yield struct.pack("<BHH", 1, 0, 0xFFFF)
    yield struct.pack(">I", checksum)


def inflate(stream: bytes | memoryview, size: int) -> bytes:
    """Return the `size` bytes that `stream` holds.

    Raises `ValueError` if the stream is broken or holds another number of bytes. Memory is bounded by `size`,
    whatever the stream says.
    """
    engine = isal_zlib.decompressobj()
    try:
        content: bytes = engine.decompress(stream, size + 1)
    except IsalError as error:
        raise ValueError(f"broken zlib stream: {error}") from error
    if len(content) != size or not engine.eof:
        raise ValueError(f"zlib stream does not hold {counted(size, 'byte')}")
    return content


def inflate_pieces(stream: Iterable[bytes | memoryview], size: int) -> Iterator[bytes]:
    """Yield the content of a stream that comes in blocks, in pieces of up to 1 MiB. Raises like `inflate`."""
    engine = isal_zlib.decompressobj()
    total = 0
    for block in stream:
        for start in range(0, len(block), _FEED):
            for piece in _decompress(engine, block[start : start + _FEED]):
                total += len(piece)
                if total > size:
                    raise ValueError(f"zlib stream does not hold {counted(size, 'byte')}")
                yield piece
    if total != size or not engine.eof:
        raise ValueError(f"zlib stream does not hold {counted(size, 'byte')}")


def _decompress(engine: Any, data: bytes | memoryview) -> Iterator[bytes]:
    """Yield what an engine makes of more input."""
    has_more = True
    while has_more and not engine.eof:
        try:
            piece: bytes = engine.decompress(data, _PIECE)
        except IsalError as error:
            raise ValueError(f"broken zlib stream: {error}") from error
        yield piece
        # The engine may hold output back. The next call returns that, without further input.
        data, has_more = engine.unconsumed_tail, len(piece) == _PIECE


def _compress(content: bytes | memoryview, window: int, *, level: int = LEVEL) -> bytes:
    """Return the deflate blocks of a whole stream, RFC 1951."""
    flag = igzip_lib.COMP_DEFLATE
    stream: bytes = igzip_lib.compress(content, level=level, flag=flag, hist_bits=window)
    return stream


def _compress_unfinished(content: memoryview, window: int, *, level: int) -> bytes:
    """Do the same, but let more blocks follow. A stream of ISA-L takes no smaller window than `NARROW`."""
    engine = isal_zlib.compressobj(level, isal_zlib.DEFLATED, -max(window, NARROW))
    blocks: bytes = engine.compress(content) + engine.flush(isal_zlib.Z_FULL_FLUSH)
    return blocks


def _sample(content: bytes | memoryview) -> bytes:
    view = memoryview(content)
    stride = (len(view) - _SAMPLE_PIECE) // (_SAMPLE_PIECES - 1)
    return b"".join(view[i * stride : i * stride + _SAMPLE_PIECE] for i in range(_SAMPLE_PIECES))
