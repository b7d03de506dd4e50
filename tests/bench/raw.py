"""What the machine itself can do with the same bytes: the floor under every number in the table."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isal import isal_zlib

from tests.bench.units import MIB

COPY = "copy a file + sync"
_PIECE = MIB
_IN_MEMORY = 256 * MIB


@dataclass(frozen=True, slots=True)
class Limit:
    """One raw operation: bytes a second, and a remark."""

    what: str
    rate: float
    remark: str = ""


def raw_limits(weights: Path, scratch: Path) -> list[Limit]:
    """Measure on the beginning of `weights`; the write is of as many bytes as the whole file has."""
    size = weights.stat().st_size
    with weights.open("rb") as source:
        content = source.read(_IN_MEMORY)
    pieces = [content[start : start + _PIECE] for start in range(0, len(content), _PIECE)]
    deflated: list[int] = []
    compute = [
        ("memory copy, one core", lambda: _copy(content)),
        ("SHA-1 (hashlib), one core", lambda: hashlib.sha1(content)),
        (
            "deflate (ISA-L level 1), one core",
            lambda: deflated.extend(len(isal_zlib.compress(piece, level=1)) for piece in pieces),
        ),
    ]
    limits = [
        Limit("write + fsync", size / _seconds(lambda: _write(pieces, size, scratch))),
        Limit(COPY, size / _seconds(lambda: _copy_file(weights, scratch / "raw-copy.bin"))),
    ]
    (scratch / "raw-copy.bin").unlink()
    limits += [Limit(what, len(content) / _seconds(action)) for what, action in compute]
    ratio = sum(deflated) / len(content)
    return [*limits[:-1], Limit(limits[-1].what, limits[-1].rate, f"to {ratio:.1%} of the bytes")]


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _write(pieces: list[bytes], size: int, scratch: Path) -> None:
    """Like `dd conv=fsync`; the file is removed, which is not worth timing apart."""
    target = scratch / "raw-write.bin"
    os.sync()
    with target.open("wb", buffering=0) as out:
        for start in range(0, size, _PIECE):
            out.write(pieces[(start // _PIECE) % len(pieces)][: size - start])
        os.fsync(out.fileno())
    target.unlink()


def _copy_file(source: Path, target: Path) -> None:
    """Like `cp` and `sync`. The disk has nothing else to write: `_write` synced, and removed its file."""
    shutil.copyfile(source, target)
    os.sync()


def _copy(content: bytes) -> None:
    """Copy to memory that is already mapped: the page faults of a new buffer would be most of it."""
    source = np.frombuffer(content, np.uint8)
    target = np.empty(min(len(source), 16 * MIB), np.uint8)
    for start in range(0, len(source), len(target)):
        piece = source[start : start + len(target)]
        target[: len(piece)] = piece
