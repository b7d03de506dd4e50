"""Columns: what is read of large files stays in memory no longer than its chunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gitstore.batch.columns import ArrayColumn, TableColumn
from gitstore.run.values import arrayfiles, columns
from tests.support import combinations

MIB = 1 << 20


def resident() -> int:
    """The bytes of memory of this process, those of mapped files included."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) * 1024


@combinations.sample(2)
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_array_is_never_in_memory(tmp_path: Path, order: str) -> None:
    shape = (256 * MIB // 1024, 256)
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": order == "F", "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 256 * MIB)
    column = ArrayColumn(arrayfiles.map_npy(tmp_path / "a.npy"))
    assert (column.count, column.dimensions, column.size) == (shape[0], 1, 1024)
    before, step = resident(), 8192
    for start in range(0, column.count, step):
        chunk = column.read(start, start + step)
        assert not isinstance(chunk, list)
        assert chunk.shape == (step, 256)
        assert not chunk.any()
    assert resident() - before < 48 * MIB


def test_chunks_do_not_follow_the_row_groups_of_a_table(tmp_path: Path) -> None:
    numbers = np.arange(5000)
    table = pa.table({"n": numbers, "t": [str(number) for number in numbers]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=700)
    with columns.open_parquet(tmp_path / "a.parquet") as file:
        for name, expected in (("n", numbers), ("t", numbers.astype(str))):
            column = TableColumn(file, name)
            chunks = [column.read(start, min(start + 999, 5000)) for start in range(0, 5000, 999)]
            assert [len(chunk) for chunk in chunks] == [999] * 5 + [5]
            assert np.array_equal(np.concatenate(chunks), expected.astype(chunks[0][0].__class__))


def test_a_missing_value_in_a_later_chunk(tmp_path: Path) -> None:
    values = [*range(3000), None]
    pq.write_table(pa.table({"n": pa.array(values, pa.int64())}), tmp_path / "a.parquet", row_group_size=100)
    with columns.open_parquet(tmp_path / "a.parquet") as file:
        column = TableColumn(file, "n")
        column.read(0, 1000)
        with pytest.raises(ValueError, match="has cells without a value"):
            column.read(1000, 3001)
