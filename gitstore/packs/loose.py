"""Reading loose objects. Each is a file of one zlib stream: kind, size, a NUL, the content."""

from __future__ import annotations

import hashlib
import shlex
import zlib
from collections.abc import Iterator
from pathlib import Path

from gitstore.errors import Corrupt
from gitstore.packs import limits
from gitstore.packs.compression import inflate_pieces
from gitstore.packs.oid import Kind, Oid

_HEADER = 32  # inflated bytes; any kind and size fit into them
_BLOCK = 256 * 1024
_PIECE = 1024 * 1024


def header(path: Path) -> tuple[Kind, int]:
    """Return the kind and the content size of a loose object. Raises `Corrupt`."""
    kind, size, _ = _header(path)
    return kind, size


def read(path: Path, at_most: int) -> tuple[Kind, bytes]:
    """Return the kind and content of a loose object, not checked against its id.

    Raises `Corrupt`, and `limits.TooMuch` if it is larger than allowed.
    """
    kind, size, _ = _header(path)
    limits.check(kind, size, at_most)
    return kind, b"".join(read_pieces(path))


def read_pieces(path: Path) -> Iterator[bytes]:
    """Yield the content of a loose object in pieces, not checked against its id. Raises `Corrupt`."""
    _, size, length = _header(path)
    try:
        with path.open("rb") as file:
            stream = inflate_pieces(iter(lambda: file.read(_BLOCK), b""), length + size)
            yield next(stream, b"")[length:]
            yield from stream
    except ValueError as error:
        raise Corrupt(f"{path}: {error}") from error


def is_sound(path: Path, oid: Oid) -> bool:
    """Whether a loose object is whole: its header and content must hash to its id.

    Memory is bounded, whatever the file holds. Raises `OSError`.
    """
    digest, inflater = hashlib.sha1(), zlib.decompressobj()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                while block and not inflater.eof:
                    digest.update(inflater.decompress(block, _PIECE))
                    block = inflater.unconsumed_tail
            digest.update(inflater.flush())
    except zlib.error:
        return False
    return inflater.eof and not inflater.unused_data and digest.digest() == oid


def remedy(path: Path) -> str:
    """Return the hint for a loose object that is damaged."""
    return f"if a clone has it, rm {shlex.quote(str(path))}, then fetch from that"


def _header(path: Path) -> tuple[Kind, int, int]:
    """Return the kind, the content size, and the length of the header."""
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
