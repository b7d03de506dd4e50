"""The outputs of a batch: which files they become, and chunks whose outputs do not fit together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gitstore.batch.outputs import BatchForm, open_outputs
from gitstore.errors import InvalidOutput
from gitstore.run.worker import tensors
from gitstore.settings.schema import Parameter, TensorType

PNG = b"\x89PNG\r\n\x1a\n"


def parameter(name: str, *shape: int, types: str = "f64", ragged: bool = False) -> Parameter:
    names = tuple(TensorType(word) for word in types.split())
    return Parameter(name=name, types=names, shape=shape, ragged=ragged)


def write(
    directory: Path,
    definition: Parameter,
    chunks: list[Any],
    *,
    whole: bool = False,
    labels: list[str] | None = None,
) -> list[str]:
    """Write an output chunk by chunk; the names of all files below the directory."""
    convert: Callable[[object], Any] = tensors.normalise_ragged if definition.ragged else tensors.normalise
    values = [convert(chunk) for chunk in chunks]
    sizes = [1 if whole else len(value) for value in values]
    form = BatchForm([definition], sum(sizes), labels, whole)
    with open_outputs(directory, form) as outputs:
        for number, (value, size) in enumerate(zip(values, sizes, strict=True)):
            start = sum(sizes[:number])
            outputs.write({definition.name: value}, start, stop=start + size, name=f"example {start}")
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


NUMBERS: dict[str, list[Any]] = {
    "vectors": [np.zeros((2, 3)), np.ones((1, 3))],
    "scalars": [np.arange(3, dtype=np.uint8)],
    "bools": [np.array([True]), np.array([False, True])],
    "nothing in a row": [np.zeros((2, 0)), np.zeros((1, 0))],
    "matrices in another order": [np.arange(12.0).reshape(2, 2, 3).transpose(0, 2, 1)],
}


@pytest.mark.parametrize("case", NUMBERS)
def test_rows_are_those_of_numpy_s_own_file(tmp_path: Path, case: str) -> None:
    chunks = NUMBERS[case]
    name = tensors.find_element_type(chunks[0])
    definition = parameter("x", -1, *(-1 for _ in chunks[0].shape[1:]), types=str(name))
    assert write(tmp_path, definition, chunks) == ["x.npy"]
    np.save(tmp_path / "y.npy", np.concatenate(chunks))
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "y.npy").read_bytes()


def test_outputs_of_whole_examples_are_stacked(tmp_path: Path) -> None:
    assert write(tmp_path, parameter("x", 2), [np.zeros(2), np.ones(2)], whole=True) == ["x.npy"]
    assert np.load(tmp_path / "x.npy").tolist() == [[0, 0], [1, 1]]
    (tmp_path / "scalars").mkdir()
    write(tmp_path / "scalars", parameter("x"), [np.float64(1), np.float64(2)], whole=True)
    assert np.load(tmp_path / "scalars" / "x.npy").tolist() == [1, 2]


def test_text_becomes_lines(tmp_path: Path) -> None:
    chunks = [["one", "zwei\nö"], ["\0 three"]]
    assert write(tmp_path, parameter("x", -1, types="string"), chunks) == ["x.jsonl"]
    lines = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == ["one", "zwei\nö", "\0 three"]


def test_rows_and_ragged_lists_of_text(tmp_path: Path) -> None:
    write(tmp_path, parameter("x", -1, 2, types="string"), [[["a", "b"]], [["c", "d"]]])
    assert (tmp_path / "x.jsonl").read_text() == '["a", "b"]\n["c", "d"]\n'
    (tmp_path / "r").mkdir()
    ragged = parameter("x", -1, -1, types="string", ragged=True)
    write(tmp_path / "r", ragged, [[["a"], []], [["b", "c"]]])
    assert (tmp_path / "r" / "x.jsonl").read_text() == '["a"]\n[]\n["b", "c"]\n'


def test_bytes_become_files(tmp_path: Path) -> None:
    chunks = [[PNG, b"?"]] + [[PNG]] * 9
    names = write(tmp_path, parameter("x", -1, types="image"), chunks)
    assert names == ["x/00.png", "x/01.bin", *(f"x/{number:02}.png" for number in range(2, 11))]
    assert (tmp_path / "x" / "01.bin").read_bytes() == b"?"


def test_several_items_of_an_example(tmp_path: Path) -> None:
    names = write(tmp_path, parameter("x", -1, 2, types="image"), [[[PNG, PNG]], [[PNG, b""]]])
    assert names == ["x/0-0.png", "x/0-1.png", "x/1-0.png", "x/1-1.bin"]


@pytest.mark.parametrize("labels", [["cat", "dog"], ["cat", "cat"], ["cat", "d" * 200]])
def test_files_have_the_names_of_the_examples_if_they_can(tmp_path: Path, labels: list[str]) -> None:
    names = write(tmp_path, parameter("x", types="image"), [PNG, PNG], whole=True, labels=labels)
    assert names == (["x/cat.png", "x/dog.png"] if labels[1] == "dog" else ["x/0.png", "x/1.png"])


def test_ragged_numbers_become_files(tmp_path: Path) -> None:
    ragged = parameter("x", -1, -1, ragged=True)
    assert write(tmp_path, ragged, [[[1.0], [2.0, 3.0]], [np.zeros(0)]]) == ["x/0.npy", "x/1.npy", "x/2.npy"]
    assert np.load(tmp_path / "x" / "1.npy").tolist() == [2, 3]


def test_values_of_any_length_for_whole_examples(tmp_path: Path) -> None:
    names = write(tmp_path, parameter("x", -1, 2), [np.zeros((0, 2)), np.zeros((3, 2))], whole=True)
    assert names == ["x/0.npy", "x/1.npy"]
    assert [np.load(tmp_path / name).shape for name in names] == [(0, 2), (3, 2)]


def test_a_ragged_output_of_whole_examples(tmp_path: Path) -> None:
    ragged = parameter("x", -1, -1, ragged=True)
    names = write(tmp_path, ragged, [[], [[1.0], [2.0, 3.0]]], whole=True)
    assert names == ["x/1-0.npy", "x/1-1.npy"]


MISFITS: dict[str, tuple[Parameter, list[Any], str]] = {
    "type": (
        parameter("x", -1, types="f32 f64"),
        [np.zeros(1, np.float32), np.zeros(1)],
        "an example has float64 of shape (), the first one float32 of shape ();",
    ),
    "shape": (
        parameter("x", -1, -1),
        [np.zeros((1, 2)), np.zeros((1, 3))],
        "an example has float64 of shape (3,), the first one float64 of shape (2,); ragged: true in settings",
    ),
    "text": (
        parameter("x", -1, types="string binary"),
        [["a"], [b"a"]],
        "an example is no text, other than the first one",
    ),
    "bytes": (
        parameter("x", -1, types="f64 binary"),
        [[b"a"], np.zeros(1)],
        "some examples have bytes, and others numbers",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_chunks_that_do_not_fit_together(tmp_path: Path, case: str) -> None:
    definition, chunks, message = MISFITS[case]
    with pytest.raises(InvalidOutput) as caught:
        write(tmp_path, definition, chunks)
    assert caught.value.message.startswith(f"example 1: x: {message}")


def test_an_output_that_is_not_always_there(tmp_path: Path) -> None:
    form = BatchForm([parameter("x", -1), parameter("y", -1)], 2, None, False)
    one, both = {"x": np.zeros(1)}, {"x": np.zeros(1), "y": np.zeros(1)}
    for first, second, has in ((one, both, "has"), (both, one, "does not have")):
        directory = tmp_path / has
        directory.mkdir()
        with open_outputs(directory, form) as outputs:
            outputs.write(first, 0, stop=1, name="example 0")
            with pytest.raises(InvalidOutput, match=f"example 1: it {has} the output y"):
                outputs.write(second, 1, stop=2, name="example 1")
