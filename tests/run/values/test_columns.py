"""Columns of .parquet files."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gitstore.errors import InvalidInput
from gitstore.run.values import arrayfiles
from gitstore.run.values.reading import read_inputs
from gitstore.run.worker import shared
from gitstore.settings.schema import Parameter, TensorType


def read(directory, text, types="i64", shape=(-1,), **options):
    names = tuple(map(TensorType, types.split()))
    definition = Parameter(name="x", types=names, shape=tuple(shape), **options)
    return read_inputs([f"x={text}"], [definition], directory=directory)["x"]


def problem(directory, text, types="i64", shape=(-1,)):
    with pytest.raises(InvalidInput) as caught:
        read(directory, text, types, shape)
    (line,) = caught.value.problems
    return line.removeprefix("x: ")


COLUMNS = {
    "i64": pa.array([1, 2, 3]),
    "u8": pa.array([1, 2, 255], pa.uint8()),
    "f32": pa.array([0.5, 1, 2], pa.float32()),
    "bool": pa.array([True, False, True]),
    "string": pa.array(["a", "é", ""]),
    "binary": pa.array([b"a", b"\0", b""]),
    "pairs": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int32(), 2)),
    "lists": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float64())),
    "ragged": pa.array([[1, 2], [], [5]], pa.list_(pa.int16())),
    "words": pa.array([["a"], ["b", "c"], []], pa.large_list(pa.string())),
    "gaps": pa.array([1, None, 3]),
    "inner": pa.array([[1], [None], [3]]),
    "dates": pa.array([1, 2, 3], pa.timestamp("ms")),
    "map": pa.array([{"a": 1}] * 3),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    directory = tmp_path_factory.mktemp("parquet")
    pq.write_table(pa.table(COLUMNS), directory / "t.parquet", row_group_size=2)
    pq.write_table(pa.table({"only": [7, 8]}), directory / "one.parquet")
    return directory


@pytest.mark.parametrize("name", ["i64", "u8", "f32", "bool", "string", "binary"])
def test_a_column(table, name):
    array = read(table, f"@t.parquet:{name}", name)
    assert array.tolist() == COLUMNS[name].to_pylist()
    assert read(table, "@one.parquet").tolist() == [7, 8]


def test_lists(table):
    assert read(table, "@t.parquet:pairs", "i32", (-1, 2)).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert read(table, "@t.parquet:lists", "f64", (-1, 2)).tolist() == [[1, 2], [3, 4], [5, 6]]
    for name, types in (("ragged", "i16"), ("words", "string")):
        elements = read(table, f"@t.parquet:{name}", types, (-1, -1), ragged=True)
        assert [element.tolist() for element in elements] == COLUMNS[name].to_pylist()
    elements = read(table, "@t.parquet:pairs", "i32", (-1, -1), ragged=True)
    assert [element.tolist() for element in elements] == [[1, 2], [3, 4], [5, 6]]


def test_what_is_not_read(table, monkeypatch):
    (table / "no.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    cases = [
        problem(table, "@t.parquet"),
        problem(table, "@t.parquet:none"),
        problem(table, "@t.parquet:f32"),
        problem(table, "@t.parquet:gaps"),
        problem(table, "@t.parquet:inner", shape=(-1, -1)),
        problem(table, "@t.parquet:dates"),
        problem(table, "@t.parquet:map"),
        problem(table, "@t.parquet:ragged", "i16", (-1, -1)),
    ]
    names = ", ".join(list(COLUMNS)[:10])
    assert cases == [
        f"t.parquet: it holds 14 columns; name one after a colon: {names}, …",
        f"t.parquet:none: it has no column none; it has {names}, …",
        "type is f32, but settings.yaml allows i64",
        "t.parquet:gaps: its column 'gaps' has cells without a value",
        "t.parquet:inner: it has a list with an item that has no value",
        "t.parquet:dates: its column 'dates' holds timestamp[ms], which gitstore does not have",
        "t.parquet:map: its column 'map' holds struct<a: int64>, which gitstore does not have",
        "t.parquet:ragged: its lists have different lengths; settings.yaml would have to say ragged: true",
    ]
    assert problem(table, "@no.parquet").startswith("no.parquet: ")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    expected = "t.parquet:i64: parquet files need pyarrow: pip install gitstore[parquet]"
    assert problem(table, "@t.parquet:i64") == expected


def test_a_large_column_is_mapped(table, monkeypatch):
    monkeypatch.setattr(arrayfiles, "MAP_FROM", 1)
    array = read(table, "@t.parquet:pairs", "i32", (-1, 2))
    assert array.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert shared.find_source(array) is not None


def test_a_file_that_claims_too_much(tmp_path, monkeypatch):
    """One value, three million times: 24 MB in a few KB."""
    monkeypatch.setattr(arrayfiles, "MAX_INFLATED", 1 << 20)
    pq.write_table(pa.table({"x": np.zeros(3_000_000, np.int64)}), tmp_path / "b.parquet")
    line = problem(tmp_path, "@b.parquet")
    assert line.startswith("b.parquet: its column 'x' has 2.9 MiB, more than the 1.")
