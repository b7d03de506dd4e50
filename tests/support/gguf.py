"""GGUF files, byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

F32, F16, Q8_0, I32, F64, BF16 = 0, 1, 8, 26, 28, 30
UINT32, STRING, ARRAY = 4, 8, 9


class Info(NamedTuple):
    """What the header says of a tensor."""

    kind: int
    shape: tuple[int, ...]
    offset: int
    name: bytes = b"weight"


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def text(content: bytes) -> bytes:
    return u64(len(content)) + content


def value(key: bytes, kind: int, content: bytes) -> bytes:
    """A key and its value."""
    return text(key) + u32(kind) + content


def array(key: bytes, kind: int, items: Iterable[bytes]) -> bytes:
    """A key and its value, an array."""
    content = list(items)
    return value(key, ARRAY, u32(kind) + u64(len(content)) + b"".join(content))


def aligned(content: bytes, alignment: int = 32) -> bytes:
    return content + bytes(-len(content) % alignment)


def header(infos: Iterable[Info], values: Iterable[bytes] = (), *, version: int = 3) -> bytes:
    """All that stands in front of the tensors, without padding."""
    infos, values = list(infos), list(values)
    described = [
        text(info.name)
        + u32(len(info.shape))
        + b"".join(map(u64, info.shape))
        + u32(info.kind)
        + u64(info.offset)
        for info in infos
    ]
    counts = u64(len(infos)) + u64(len(values))
    return b"GGUF" + u32(version) + counts + b"".join(values) + b"".join(described)


def gguf(
    infos: Iterable[Info], values: Iterable[bytes] = (), *, content: bytes, alignment: int = 32
) -> bytes:
    """A file with these descriptions, true or not, and with these bytes behind the header."""
    return aligned(header(infos, values), alignment) + content
