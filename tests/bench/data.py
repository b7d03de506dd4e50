"""The weights that every tool gets: seeded, so that two runs measure the same bytes.

Trained weights look like a narrow normal distribution, which is what compressors see here:
float32 has random mantissas, bfloat16 is the upper half of the same numbers, float16 rounds them.
They come as a safetensors file with the shapes of a transformer, or as the bare numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAFETENSORS = ".safetensors"
KINDS = ("float32.safetensors", "bfloat16.safetensors", "float16.safetensors", "float32", "bfloat16")
CHANGED_SHARE = 0.1
_CHUNK = 16 << 20
_HIDDEN = 1024
"""The width of the transformer: its layers have from 4 KiB (a norm) to 16 MiB (float32, feed-forward)."""


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
    """Write the file of `size` bytes of numbers (rounded down to 4) and its change into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    weights, change = directory / f"{kind}.weights", directory / f"{kind}.change"
    size -= size % 4
    changed = int(size * CHANGED_SHARE) // 4 * 4
    header = _header(kind, size) if kind.endswith(SAFETENSORS) else b""
    for path, start, length, stream in ((weights, header, size, 0), (change, b"", changed, 1)):
        with path.open("wb") as out:
            out.write(start)
            out.writelines(_pieces(kind, length, np.random.default_rng([seed, stream])))
    return Sample(kind, weights, change, len(header) + int(size * 0.45) // 4 * 4, sha256(weights))


def number_type(kind: str) -> str:
    """The type of a kind's numbers: float32, bfloat16 or float16."""
    return kind.removesuffix(SAFETENSORS)


def _header(kind: str, size: int) -> bytes:
    """The header of a safetensors file with `size` bytes of tensors, padded to 8 bytes."""
    dtype, width = {"float32": ("F32", 4), "bfloat16": ("BF16", 2), "float16": ("F16", 2)}[number_type(kind)]
    entries, end = {}, 0
    for name, shape in _shapes():
        rest = (size - end) // width
        count = min(int(np.prod(shape)), rest)
        entry = {"dtype": dtype, "shape": list(shape) if count < rest else [count]}
        entries[name] = entry | {"data_offsets": [end, end + count * width]}
        end += count * width
        if end == size:
            break
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """The tensors of a transformer with any number of layers."""
    yield "embeddings.weight", (8 * _HIDDEN, _HIDDEN)
    layer = 0
    while True:
        at = f"layers.{layer}"
        for name in ("query", "key", "value", "output"):
            yield f"{at}.attention.{name}.weight", (_HIDDEN, _HIDDEN)
            yield f"{at}.attention.{name}.bias", (_HIDDEN,)
        yield f"{at}.norm.weight", (_HIDDEN,)
        yield f"{at}.up.weight", (4 * _HIDDEN, _HIDDEN)
        yield f"{at}.down.weight", (_HIDDEN, 4 * _HIDDEN)
        layer += 1


def sha256(path: Path) -> str:
    """The SHA-256 of a file, read in small pieces."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _pieces(kind: str, length: int, random: np.random.Generator) -> Iterator[bytes]:
    """`length` bytes of weights. Always whole chunks are drawn, so that sizes share a beginning."""
    width = 4 if number_type(kind) == "float32" else 2
    for start in range(0, length, _CHUNK):
        numbers = random.standard_normal(_CHUNK // width, dtype=np.float32) * np.float32(0.02)
        yield _encode(numbers, number_type(kind))[: length - start]


def _encode(numbers: np.typing.NDArray[np.float32], dtype: str) -> bytes:
    if dtype == "float16":
        return numbers.astype("<f2").tobytes()
    return (
        (numbers.view(np.uint32) >> 16).astype("<u2").tobytes() if dtype == "bfloat16" else numbers.tobytes()
    )
