"""Ragged parameters: lists of arrays of different shapes, from inputs to files of outputs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gitstore.errors import InvalidInput, InvalidOutput
from gitstore.run.values import outputs, parameters
from gitstore.run.values.inputs import Arrays
from gitstore.run.values.ragged import join, separate
from gitstore.run.values.reading import read_inputs
from gitstore.settings.schema import Parameter, TensorType


def define(types, shape):
    names = tuple(map(TensorType, types.split()))
    return Parameter(name="x", types=names, shape=tuple(shape), ragged=True)


def read(texts, types="u8 i16", shape=(-1, -1), directory=None):
    arguments = {} if directory is None else {"directory": directory}
    return read_inputs([f"x={text}" for text in texts], [define(types, shape)], **arguments)["x"]


def as_lists(value):
    assert isinstance(value, list)
    return [array.tolist() for array in value]


def problem(texts, types="u8 i16", shape=(-1, -1), **arguments):
    with pytest.raises(InvalidInput) as caught:
        read(texts, types, shape, **arguments)
    (line,) = caught.value.problems
    return line


@pytest.mark.parametrize(
    ("texts", "types", "shape", "value"),
    [
        (["[[1, 2], [], [3]]"], "u8 i16", [-1, -1], [[1, 2], [], [3]]),
        (["[[1, 2], [-1]]"], "u8 i16", [-1, -1], [[1, 2], [-1]]),
        (["[[1, 2], [3, 4]]"], "u8", [-1, -1], [[1, 2], [3, 4]]),
        (["[[[1], [2]], [[3]]]"], "f32", [-1, -1, 1], [[[1], [2]], [[3]]]),
        (["[]"], "u8", [-1, -1], []),
        (['[["a"], ["b", "c"]]'], "string", [-1, -1], [["a"], ["b", "c"]]),
        (['[["AA=="], []]'], "image", [-1, -1], [[b"\0"], []]),
        (["[1, 2]", "[3]"], "u8", [-1, -1], [[1, 2], [3]]),
        (["[[1, 2], [3, 4]]", "[5]"], "u8", [-1, -1], [[1, 2], [3, 4], [5]]),
    ],
)
def test_json(texts, types, shape, value):
    assert as_lists(read(texts, types, shape)) == value


def test_all_elements_have_one_type():
    assert {array.dtype for array in read(["[[1, 2], [-1], []]"])} == {np.dtype("i2")}
    assert {array.dtype for array in read(["[[], [0.5]]"], "f32")} == {np.dtype("f4")}


ASKS = "settings.yaml asks for (-1, -1, 1)"
TWO_TYPES = "x: is ragged, and its elements have different types: f32, f64"


@pytest.mark.parametrize(
    ("texts", "shape", "message"),
    [
        (["3"], [-1, -1], "x: is ragged: it must be a list of lists"),
        (["[1, 2]"], [-1, -1], "x: shape is (2,), but settings.yaml asks for (-1, -1)"),
        (["[[1], [[2]]]"], [-1, -1], "x: is ragged, and its elements have different numbers of dimensions"),
        (["[[1], [99999]]"], [-1, -1], "x: 99999 does not fit u8; 99999 does not fit i16"),
        (["[1]", "[-1]"], [-1, -1], "x: is ragged, and its elements have different types: i16, u8"),
        (
            ["[[[1]], [[2, 3]]]"],
            [-1, -1, 1],
            f"x: shape is (2, 1, -1), but {ASKS}",
        ),
        (
            ["[[1]]", "[[[[1]]]]"],
            [-1, -1, 1],
            f"x: value 2 has the shape (1, 1, 1, 1): {ASKS}",
        ),
    ],
)
def test_what_does_not_fit(texts, shape, message):
    assert problem(texts, shape=shape) == message


def test_files(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1, 2, 3]], "u1"))
    np.save(tmp_path / "b.npy", np.array([[4], [5]], "u1"))
    (tmp_path / "c.json").write_text("[[6], [7, 8]]")
    shape = [-1, -1, -1]
    assert as_lists(read(["@*.npy"], "u8", shape, tmp_path)) == [[[1, 2, 3]], [[4], [5]]]
    assert as_lists(read(["@b.npy"], "u8", [-1, -1], tmp_path)) == [[4], [5]]
    assert as_lists(read(["@c.json"], "u8", [-1, -1], tmp_path)) == [[6], [7, 8]]


def test_arrays_of_the_library():
    definition = define("f32", [-1, -1])
    values = [np.array([1, 2], np.float32), np.array([3], np.float32)]
    assert as_lists(Arrays({"x": values}).read([definition])["x"]) == [[1, 2], [3]]
    assert as_lists(Arrays({"x": [[1, 2], [3]]}).read([definition])["x"]) == [[1, 2], [3]]
    assert as_lists(Arrays({"x": np.ones((2, 1), np.float32)}).read([definition])["x"]) == [[1], [1]]
    for value, message in [
        (np.float32(3), "x: is ragged: it must be a list of arrays, not one float32"),
        (
            [np.zeros(1, np.float32), np.zeros(1)],
            "x: is ragged, and its elements have different types: f32, f64",
        ),
        ([np.zeros(1), np.zeros(2)], "x: type is f64, but settings.yaml allows f32"),
    ]:
        with pytest.raises(InvalidInput) as caught:
            Arrays({"x": value}).read([definition])
        assert list(caught.value.problems) == [message]


def test_names_of_elements_and_back():
    value, other = [np.zeros(1), np.zeros(2)], np.zeros(3)
    separated = separate({"x": value, "y": other})
    assert list(separated) == ["x[0]", "x[1]", "y"]
    definitions = [define("f64", [-1, -1]), Parameter(name="y", types=(TensorType.f64,), shape=(-1,))]
    for arrays in (separated, {"x": value, "y": other}):
        joined = join(arrays, definitions)
        assert as_lists(joined["x"]) == as_lists(value)
        assert joined["y"] is other
    assert join({}, definitions) == {"x": []}


def test_outputs_of_the_other_kind():
    array, ragged = np.zeros((1, 1), np.float32), [np.zeros(1, np.float32)]
    plain = Parameter(name="x", types=(TensorType.f32,), shape=(-1, -1))
    with pytest.raises(InvalidOutput, match=r"x: is one array, but settings.yaml says ragged: true"):
        parameters.check_outputs({"x": array}, [define("f32", [-1, -1])])
    with pytest.raises(InvalidOutput, match=r"x: is ragged, but settings.yaml says ragged: false"):
        parameters.check_outputs({"x": ragged}, [plain])


def test_outputs_as_json_and_files_are_inputs_again(tmp_path):
    value = [np.array([[0.5]], np.float32), np.ones((2, 3), np.float32)]
    shown = outputs.to_json({"x": value})
    shape = [-1, -1, -1]
    assert as_lists(read([json.dumps(shown["x"])], "f32", shape)) == as_lists(value)
    paths = outputs.write({"x": value, "y": [np.array([b"\x89PNG\r\n\x1a\n"], object)]}, tmp_path)
    assert [path.name for path in paths] == ["x-0.npy", "x-1.npy", "y-0-0.png"]
    assert as_lists(read(["@x-*.npy"], "f32", shape, tmp_path)) == as_lists(value)
