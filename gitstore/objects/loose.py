"""Reading loose objects, each a file of one zlib stream: kind, size, a NUL, the content."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from gitstore.errors import Corrupt
from gitstore.objects import limits
from gitstore.objects.deflate import inflate_pieces
from gitstore.objects.oid import Kind

_HEADER = 32  # inflated bytes that hold the kind and the size, whatever they are
_BLOCK = 256 * 1024


def header(path: Path) -> tuple[Kind, int]:
    """The kind and the content size of a loose object. Raises `Corrupt`."""
    kind, size, _ = _header(path)
    return kind, size


def read(path: Path, at_most: int) -> tuple[Kind, bytes]:
    """A loose object, not yet checked against its id.

    Raises `Corrupt`, and `limits.TooMuch` for one that is larger than allowed.
    """
    kind, size, _ = _header(path)
    limits.check(kind, size, at_most)
    return kind, b"".join(pieces(path))


def pieces(path: Path) -> Iterator[bytes]:
    """The content of a loose object in pieces, not yet checked against its id. Raises `Corrupt`."""
    _, size, length = _header(path)
    try:
        with path.open("rb") as file:
            stream = inflate_pieces(iter(lambda: file.read(_BLOCK), b""), length + size)
            yield next(stream, b"")[length:]
            yield from stream
    except ValueError as error:
        raise Corrupt(f"{path}: {error}") from error


def _header(path: Path) -> tuple[Kind, int, int]:
    """The kind, the content size and the bytes of the header itself."""
    try:
        with path.open("rb") as file:
            start = zlib.decompressobj().decompress(file.read(4 * _HEADER), _HEADER)
        text, nul, _ = start.partition(b"\0")
        word, size = text.split(b" ")
        if not nul or not size.isdigit():
            raise ValueError("its header does not end")
        return Kind.of_word(word), int(size), len(text) + 1
    except (zlib.error, ValueError, KeyError) as error:
        raise Corrupt(f"{path}: {error}") from error
