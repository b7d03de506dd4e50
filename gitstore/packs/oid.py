"""Object ids and object kinds."""

from __future__ import annotations

import hashlib
from binascii import unhexlify
from collections.abc import Iterable
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
        """The kind as object headers and `git cat-file -t` spell it."""
        return _WORDS[self]

    @classmethod
    def of_word(cls, word: bytes) -> Kind:
        """The kind that an object header names; KeyError for any other word."""
        return cls[word.decode("ascii", "replace").upper()]


_WORDS = {kind: kind.name.lower().encode() for kind in Kind}


class Oid(bytes):
    """A SHA-1 object id: 20 bytes, shown as 40 hexadecimal digits.

    Made of bytes that are known to be so many: what may be anything is for `parse`.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, digits: str | bytes) -> Self:
        """The id written as 40 hexadecimal digits; ValueError if it is not."""
        raw = unhexlify(digits)
        if len(raw) != 20:
            raise ValueError(f"an object id has 20 bytes, not {len(raw)}")
        return cls(raw)

    @classmethod
    def of(cls, kind: Kind, content: bytes | memoryview) -> Self:
        """The id git gives to an object with this content."""
        digest = cls.hasher(kind, len(content))
        digest.update(content)
        return cls(digest.digest())

    @classmethod
    def of_pieces(cls, kind: Kind, pieces: Iterable[bytes], *, size: int) -> Self:
        """The same for content of `size` bytes that comes in pieces."""
        digest = cls.hasher(kind, size)
        for piece in pieces:
            digest.update(piece)
        return cls(digest.digest())

    @staticmethod
    def hasher(kind: Kind, size: int) -> hashlib._Hash:
        """A hash whose digest is the id of an object, once it has been given all `size` bytes of it."""
        return hashlib.sha1(b"%s %d\0" % (_WORDS[kind], size))

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"Oid({self.hex()})"

    @property
    def short(self) -> str:
        """Enough digits for a person to tell it from others."""
        return self.hex()[:12]
