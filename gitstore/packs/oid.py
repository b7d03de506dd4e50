"""Object ids and object kinds."""

from __future__ import annotations

import hashlib
import struct
from binascii import unhexlify
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Self


class Kind(IntEnum):
    """The four kinds of git object, with their numbers in a pack, gitformat-pack(5)."""

    COMMIT = 1
    TREE = 2
    BLOB = 3
    TAG = 4

    @property
    def word(self) -> bytes:
        """The kind as object headers and `git cat-file -t` write it."""
        return _WORDS[self]

    @classmethod
    def of_word(cls, word: bytes) -> Kind:
        """Return the kind that an object header names. Raises `KeyError` for any other word."""
        return cls[word.decode("ascii", "replace").upper()]


_WORDS = {kind: kind.name.lower().encode() for kind in Kind}


class Oid(bytes):
    """A SHA-1 object id: 20 bytes, shown as 40 hexadecimal digits.

    The constructor does not check the length of its bytes; `parse` does.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, digits: str | bytes) -> Self:
        """Return the id that 40 hexadecimal digits stand for. Raises `ValueError` for anything else."""
        raw = unhexlify(digits)
        if len(raw) != 20:
            raise ValueError(f"an object id has 20 bytes, not {len(raw)}")
        return cls(raw)

    @classmethod
    def parse_all(cls, digits: Sequence[str]) -> list[Self]:
        """Return the ids that texts stand for, each as in `parse`. For thousands of them, this is faster."""
        if not set(map(len, digits)) <= {40}:
            raise ValueError("an object id has 40 digits")
        return [cls(raw) for (raw,) in struct.iter_unpack("20s", unhexlify("".join(digits)))]

    @classmethod
    def of(cls, kind: Kind, content: bytes | memoryview) -> Self:
        """Return the id of an object with this content."""
        digest = cls.hasher(kind, len(content))
        digest.update(content)
        return cls(digest.digest())

    @classmethod
    def of_pieces(cls, kind: Kind, pieces: Iterable[bytes], *, size: int) -> Self:
        """Return the id of an object whose content, `size` bytes, comes in pieces."""
        digest = cls.hasher(kind, size)
        for piece in pieces:
            digest.update(piece)
        return cls(digest.digest())

    @staticmethod
    def hasher(kind: Kind, size: int) -> hashlib._Hash:
        """Return a hash whose digest is the id of an object after all `size` bytes were fed to it."""
        return hashlib.sha1(b"%s %d\0" % (_WORDS[kind], size))

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"Oid({self.hex()})"

    @property
    def short(self) -> str:
        """The first 12 digits, for messages."""
        return self.hex()[:12]
