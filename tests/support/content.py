"""Bytes to store, the same in every run."""

from __future__ import annotations

import random
from functools import cache

KIB = 1024
MIB = 1024 * KIB


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not shrink, like weights."""
    return random.Random(seed).randbytes(size)


@cache
def numbers() -> bytes:
    """A file of lines that is just large enough to be in parts, and has an odd length."""
    return "".join(f"{number}\n" for number in range(1, 620_000)).encode() + b"."


class Trickle:
    """A source that gives fewer bytes than it is asked for, as a pipe does, until its end."""

    def __init__(self, content: bytes, seed: int = 0) -> None:
        self._left = memoryview(content)
        self._random = random.Random(seed)

    def readinto(self, buffer: memoryview, /) -> int:
        most = self._random.choice([1, 100, 70_000, 3 * MIB])
        size = min(len(buffer), most, len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
