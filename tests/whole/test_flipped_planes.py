"""A bit that flips in any plane of a part is found by whatever reads the part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support.commands import Git, Run
from tests.support.content import MIB
from tests.support.models import put, take
from tests.support.tensors import safetensors
from tests.support.weights import weights

WIDTHS = {"BF16": 2, "F32": 4, "F64": 8}
_NUMPY = {"BF16": "bfloat16", "F32": "<f4", "F64": "<f8"}


@pytest.fixture
def place(model: Model) -> Path:
    """A model whose snapshot v1 has parts with planes of each width."""
    counts = {dtype: 3 * MIB // (2 * width) for dtype, width in WIDTHS.items()}
    tensors = {
        dtype: (dtype, [count], weights(_NUMPY[dtype], count, seed=WIDTHS[dtype]))
        for dtype, count in counts.items()
    }
    put(model, "initial", {"w.safetensors": safetensors(tensors)})
    take(model, "v1")
    return model.directory


def entries(place: Path, git: Git) -> Iterator[tuple[str, int, Path, int, int]]:
    """Id and width of a part of each width, and the pack, offset and length of its entry, from stock git."""
    parts = {}
    for line in git("ls-tree", "v1:state/w.safetensors.planes", cwd=place).splitlines():
        _, _, oid, name = line.split()
        parts[int(name.partition(".")[2] or 1)] = oid
    assert parts.keys() == {1, 2, 4, 8}
    for index in (place / ".git" / "objects" / "pack").glob("*.idx"):
        for line in git("verify-pack", "-v", str(index), cwd=place).splitlines():
            words = line.split()
            for width, oid in parts.items():
                if words[0] == oid and width > 1:
                    yield oid, width, index.with_suffix(".pack"), int(words[4]), int(words[3])


def test_a_bit_flips_in_a_plane(place: Path, git: Git, run: Run, tmp_path: Path) -> None:
    checked = []
    for oid, width, pack, offset, length in list(entries(place, git)):
        pack.chmod(0o644)
        for plane in range(width):
            at = offset + length * (2 * plane + 1) // (2 * width)
            _flip(pack, at)
            for words in (
                ["verify", "v1"],
                ["export", "v1", str(tmp_path / "out")],
                ["evaluate", "v1", "-p", "values=[1.0]"],
            ):
                outcome = run(*words, cwd=place)
                assert (outcome.code, oid in outcome.stderr) == (12, True), (width, plane, words, outcome)
            assert list(tmp_path.glob("out*")) == []
            _flip(pack, at)
            checked.append((width, plane))
    assert sorted(checked) == [(width, plane) for width in (2, 4, 8) for plane in range(width)]
    assert run("verify", "v1", cwd=place).code == 0


def _flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))
