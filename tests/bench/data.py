"""The weights that every tool gets: seeded, so that two runs measure the same bytes.

Trained weights look like a narrow normal distribution, which is what compressors see here:
float32 has random mantissas, bfloat16 is the upper half of the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

KINDS = ("float32", "bfloat16")
CHANGED_SHARE = 0.1
_CHUNK = 16 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of weights, and the one region of it that the second version changes."""

    kind: str
    weights: Path
    change: Path
    change_at: int
    sha256: str

    @property
    def size(self) -> int:
        return self.weights.stat().st_size

    def apply_change(self, target: Path) -> None:
        """Overwrite the changed region of `target`, in place, as a training step on a memory map would."""
        with self.change.open("rb") as source, target.open("r+b") as out:
            out.seek(self.change_at)
            while piece := source.read(_CHUNK):
                out.write(piece)


def make_sample(kind: str, size: int, seed: int, directory: Path) -> Sample:
    """Write the file of `size` bytes (rounded down to 4) and its change into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    weights, change = directory / f"{kind}.bin", directory / f"{kind}.change.bin"
    size -= size % 4
    changed = int(size * CHANGED_SHARE) // 4 * 4
    for path, length, stream in ((weights, size, 0), (change, changed, 1)):
        with path.open("wb") as out:
            out.writelines(_pieces(kind, length, np.random.default_rng([seed, stream])))
    return Sample(kind, weights, change, int(size * 0.45) // 4 * 4, sha256(weights))


def sha256(path: Path) -> str:
    """The SHA-256 of a file, read in small pieces."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _pieces(kind: str, length: int, random: np.random.Generator) -> Iterator[bytes]:
    """`length` bytes of weights. Always whole chunks are drawn, so that sizes share a beginning."""
    width = 4 if kind == "float32" else 2
    for start in range(0, length, _CHUNK):
        numbers = random.standard_normal(_CHUNK // width, dtype=np.float32) * np.float32(0.02)
        piece = numbers.tobytes() if width == 4 else _upper_halves(numbers)
        yield piece[: length - start]


def _upper_halves(numbers: np.typing.NDArray[np.float32]) -> bytes:
    return (numbers.view(np.uint32) >> 16).astype("<u2").tobytes()
