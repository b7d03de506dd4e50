"""Object ids and object kinds."""

from __future__ import annotations

import hashlib
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
    """A SHA-1 object id: 20 bytes, shown as 40 hexadecimal digits."""

    __slots__ = ()

    def __new__(cls, raw: bytes) -> Self:
        if len(raw) != 20:
            raise ValueError(f"an object id has 20 bytes, not {len(raw)}")
        return super().__new__(cls, raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The id written as 40 hexadecimal digits; ValueError if it is not."""
        return cls(bytes.fromhex(text))

    @classmethod
    def of(cls, kind: Kind, *content: bytes | memoryview) -> Self:
        """The id git gives to an object with this content, in one piece or several."""
        digest = hashlib.sha1(b"%s %d\0" % (_WORDS[kind], sum(map(len, content))))
        for piece in content:
            digest.update(piece)
        return cls(digest.digest())

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"Oid({self.hex()})"

    @property
    def short(self) -> str:
        """Enough digits for a person to tell it from others."""
        return self.hex()[:12]
