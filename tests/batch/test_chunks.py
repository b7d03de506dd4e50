"""Chunks: how the shapes of settings.yaml decide what one evaluation gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gitstore.batch.chunks import MAX_EXAMPLES, Chunks, cut_examples
from gitstore.batch.columns import ArrayColumn, FileColumn
from gitstore.batch.examples import Examples
from gitstore.errors import InvalidInput
from gitstore.run.worker.tensors import Array, find_shape
from gitstore.settings.schema import Parameter, TensorType
from gitstore.text import counted


def parameter(name: str, *shape: int, ragged: bool = False) -> Parameter:
    return Parameter(name=name, types=(TensorType.f64,), shape=shape, ragged=ragged)


def cut(definitions: list[Parameter], size: int | None = None, **arrays: Array) -> Chunks:
    columns = {name: ArrayColumn(array) for name, array in arrays.items()}
    (count,) = {column.count for column in columns.values()}
    return cut_examples(Examples(columns, count), definitions, fixed={}, size=size)


def zeros(*shape: int) -> Array:
    return np.zeros(shape)


REFUSED = {
    "fewer dimensions": (parameter("x", -1, 8, 8), zeros(5, 64)),
    "more dimensions": (parameter("x", -1, 64), zeros(5, 1, 8, 8)),
    "no open dimension": (parameter("x", 4, 64), zeros(8, 64)),
    "scalars for rows": (parameter("x", -1, 2, 2), zeros(5)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_shapes_that_cannot_be_cut(case: str) -> None:
    definition, array = REFUSED[case]
    with pytest.raises(InvalidInput) as caught:
        cut([definition], x=array)
    (line,) = caught.value.problems
    assert line.startswith(
        f"x: has {counted(array.ndim, 'dimension')}, the first of them for the examples, but settings"
    )


def test_many_at_once_for_a_model_that_takes_one() -> None:
    with pytest.raises(InvalidInput, match="x: takes one example at a time, so --chunk cannot be 2"):
        cut([parameter("x", 2)], size=2, x=zeros(5, 2))
    assert cut([parameter("x", 2)], size=1, x=zeros(5, 2)).count == 5


def test_rows_are_cut_along_the_first_dimension() -> None:
    array = np.arange(10.0).reshape(5, 2)
    chunks = list(cut([parameter("x", -1, 2)], size=2, x=array).read())
    assert np.array_equal(np.concatenate([chunk.inputs["x"] for chunk in chunks]), array)
    assert [chunk.name for chunk in chunks] == ["examples 0 to 1", "examples 2 to 3", "example 4"]


def test_whole_values_come_one_by_one() -> None:
    array = np.arange(10.0).reshape(5, 2)
    chunks = cut([parameter("x", 2), parameter("y", -1)], x=array, y=np.arange(5.0))
    assert chunks.whole == {"x"}
    assert chunks.size == 1
    for number, chunk in enumerate(chunks.read()):
        assert np.array_equal(chunk.inputs["x"], array[number])
        assert np.array_equal(chunk.inputs["y"], [float(number)])


def test_a_leading_open_dimension_is_not_for_examples_if_there_is_one_more() -> None:
    chunks = cut([parameter("x", -1, -1, 3)], x=zeros(2, 4, 5, 3))
    assert chunks.whole == {"x"}
    assert chunks.size == 1
    assert [find_shape(chunk.inputs["x"]) for chunk in chunks.read()] == [(4, 5, 3), (4, 5, 3)]


def test_scalars() -> None:
    chunks = cut([parameter("x")], x=np.arange(2.0))
    assert [find_shape(chunk.inputs["x"]) for chunk in chunks.read()] == [(), ()]


def test_a_ragged_value_gets_a_list() -> None:
    (chunk,) = cut([parameter("x", -1, -1, ragged=True)], x=zeros(2, 3)).read()
    assert [element.shape for element in chunk.inputs["x"]] == [(3,), (3,)]


def test_the_size_does_not_depend_on_the_number_of_workers() -> None:
    assert cut([parameter("x", -1)], x=zeros(100_000)).size == MAX_EXAMPLES
    assert cut([parameter("x", -1, 1 << 18)], x=zeros(10, 1 << 18)).size == 4
    assert cut([parameter("x", -1, 1 << 21)], x=zeros(2, 1 << 21)).size == 1


def test_files_of_different_shapes(tmp_path: Path) -> None:
    """Those of another chunk count, too."""
    for number, length in enumerate([2, 2, 2, 3]):
        np.save(tmp_path / f"{number}.npy", np.zeros(length))
    names = [f"{number}.npy" for number in range(4)]
    column = FileColumn(tmp_path, names, parameter("x", -1))
    examples = Examples({"x": column}, 4, labels=["0", "1", "2", "3"])
    read = cut_examples(examples, [parameter("x", -1, -1)], fixed={}, size=2).read()
    assert next(read).name == "examples 0 to 1 (0 to 1)"
    with pytest.raises(InvalidInput) as caught:
        next(read)
    (line,) = caught.value.problems
    assert line.startswith(
        "examples 2 to 3 (2 to 3): x: example 3 (3) has shape (3,) and type f64, the first"
    )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    column = FileColumn(tmp_path, ["gone.npy"], parameter("x"))
    examples = Examples({"x": column}, 1, labels=["gone"])
    with pytest.raises(InvalidInput) as caught:
        next(cut_examples(examples, [parameter("x", -1)], fixed={}, size=1).read())
    assert caught.value.problems == ("example 0 (gone): x: gone.npy: No such file or directory",)
    with pytest.raises(InvalidInput, match=r"example 0: x: gone\.npy: No such file or directory"):
        cut_examples(examples, [parameter("x", -1)], fixed={}, size=None)
