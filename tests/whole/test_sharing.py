"""What two states with tensors in common share: the bytes of new parts, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from gitstore.bigfiles.ranges import Joined
from gitstore.bigfiles.stored import list_files
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.states.save import save_state
from tests.support import archives, gguf
from tests.support.content import MIB
from tests.support.models import again, put
from tests.support.tensors import Values, safetensors
from tests.support.weights import weights

ROW = 1024
"""Bytes of a row of a matrix of bfloat16, 512 columns wide."""


def matrix(rows: int, seed: int) -> Values:
    return ("BF16", [rows, ROW // 2], weights("bfloat16", rows * ROW // 2, seed))


TENSORS: dict[str, Values] = {
    "embedding": matrix(3000, 1),
    "norm": matrix(1, 2),
    "layer": matrix(2500, 3),
}


def in_each_format(shape: list[int], values: bytes) -> dict[str, bytes]:
    """A file of each format that has one tensor of float32."""
    array = np.frombuffer(values, "<f4").reshape(shape)
    info = gguf.Info(gguf.F32, tuple(shape), 0)
    return {
        "safetensors": safetensors({"a": ("F32", shape, values)}),
        "npy": archives.npy(array),
        "npz": archives.npz(other=np.arange(9), tensor=array),
        "gguf": gguf.gguf([info], content=values),
        "pt": archives.pytorch({"data.pkl": b"what the storages are", "data/0": values}),
    }


def header_size(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


class States:
    """Saves states of one file, and tells what is new in each."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._known: set[object] = set()

    def save(self, tensors: Mapping[str, Values], metadata: Mapping[str, str] | None = None) -> list[int]:
        """Save a state with a file of these tensors, and return the bytes of each part that is new."""
        return self.save_file(safetensors(tensors, metadata))

    def save_file(self, content: bytes) -> list[int]:
        """Do the same with any file."""
        name = f"s{len(self._known)}"
        put(self._model, name, {f"{name}.weights": content})
        save_state(again(self._model), name)
        model = again(self._model)
        objects = model.repository.objects
        tree = state.find_saved_tree(model, name)
        assert tree is not None
        (file,) = list_files(objects, tree, joined=True)
        pieces = Joined(objects, file).pieces
        new = [piece.end - piece.start for piece in pieces if piece.part not in self._known]
        self._known.update(piece.part for piece in pieces)
        return new


@pytest.fixture
def states(model: Model) -> States:
    """One with the state of TENSORS."""
    saved = States(model)
    assert sum(saved.save(TENSORS)) == len(safetensors(TENSORS))
    return saved


def test_another_order_and_other_metadata_share_all_but_the_header(states: States) -> None:
    backwards, metadata = dict(reversed(TENSORS.items())), {"format": "pt", "made by": "another"}
    assert states.save(backwards, metadata) == [header_size(safetensors(backwards, metadata))]


def test_other_names_share_all_but_the_header(states: States) -> None:
    renamed = {f"model.{name}": values for name, values in TENSORS.items()}
    assert states.save(renamed) == [header_size(safetensors(renamed))]


def test_rows_at_the_end_of_an_embedding_add_its_last_part(states: States) -> None:
    _, _, values = TENSORS["embedding"]
    more = matrix(100, 4)[2]
    grown = TENSORS | {"embedding": ("BF16", [3100, ROW // 2], values + more)}
    whole = len(values) // MIB * MIB
    added = [header_size(safetensors(grown)), MIB, len(values) + len(more) - whole - MIB]
    assert states.save(grown) == added
    assert sum(added) < 2 * MIB


def test_a_frozen_tensor_of_another_file_is_not_stored_again(states: States) -> None:
    others = {"head": matrix(1200, 5), "frozen": TENSORS["embedding"], "body": matrix(1024, 6)}
    header = header_size(safetensors(others))
    assert states.save(others) == [header, MIB, 1200 * ROW - MIB, MIB]


def test_a_tied_tensor_is_stored_once(states: States) -> None:
    tied = TENSORS | {"output": TENSORS["embedding"]}
    assert states.save(tied) == [header_size(safetensors(tied))]


def test_changed_rows_add_the_parts_that_they_touch(states: States) -> None:
    """1 % of the rows, around the first cut of the matrix."""
    dtype, shape, values = TENSORS["embedding"]
    rows = bytearray(values)
    rows[1010 * ROW : 1040 * ROW] = matrix(30, 7)[2]
    assert states.save(TENSORS | {"embedding": (dtype, shape, bytes(rows))}) == [MIB, MIB]
    rows[2500 * ROW : 2530 * ROW] = matrix(30, 8)[2]
    assert states.save(TENSORS | {"embedding": (dtype, shape, bytes(rows))}) == [3000 * ROW - 2 * MIB]


def test_a_tensor_is_stored_once_whatever_the_format(states: States) -> None:
    values = weights("<f4", 4 * MIB // 4 + 100_000)
    files = in_each_format([4 * MIB // 4 + 100_000], values)
    assert states.save_file(files.pop("npy")) == [128, *[MIB] * 4, 400_000]
    for kind, content in files.items():
        added = states.save_file(content)
        assert sum(added) == len(content) - len(values), kind


@pytest.mark.parametrize(
    ("dtype", "numpy_type", "ratio"), [("F16", "<f2", 0.90), ("F32", "<f4", 0.85), ("BF16", "bfloat16", 0.69)]
)
def test_floats_take_less_than_their_bytes(model: Model, dtype: str, numpy_type: str, ratio: float) -> None:
    """A transformer of 8 MiB."""
    size = 4 if dtype == "F32" else 2
    shapes = {"embedding": [2000, 256], "norm": [256]}
    for layer in range(99):
        shapes |= {f"{layer}.qkv": [768, 256], f"{layer}.up": [1024, 256], f"{layer}.norm": [256]}
    tensors: dict[str, Values] = {}
    end = 0
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if end + count * size <= 8 * MIB:
            tensors[name] = (dtype, shape, weights(numpy_type, count, seed=len(tensors)))
            end += count * size
    before = _pack_bytes(model.directory)
    put(model, "initial", {"model.safetensors": safetensors(tensors)})
    save_state(model, "initial")
    assert end > 7 * MIB
    assert _pack_bytes(model.directory) - before < ratio * end


def _pack_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in (directory / ".git" / "objects" / "pack").glob("*.pack"))
