"""Reading a column of a .parquet file, batch by batch. Needs the extra gitstore[parquet], pyarrow.

A column of numbers becomes an array of one dimension; lists of numbers that all have one length give a second
one. Lists of different lengths are for ragged parameters alone. A large column is decoded into a temporary
file, which is mapped, so that memory holds one batch at a time. Errors are ValueErrors, or those of pyarrow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gitstore.run.values import arrayfiles, bounded
from gitstore.run.values.arrayfiles import ArrayHeader
from gitstore.run.worker.payload import MAX_LENGTHS
from gitstore.run.worker.tensors import Array, Value
from gitstore.settings.schema import Parameter
from gitstore.text import quoted

MAX_FOOTER = 16 << 20
"""The most bytes of a text in a file's footer, and the most items of a list in it."""

_BATCH = 1 << 16
_BUFFER = 1 << 20


def read_parquet(path: Path, key: str | None, definition: Parameter) -> Value:
    """Read a column. `key` may be `None` if there is only one."""
    with open_parquet(path) as file:
        name = arrayfiles.choose_key(file.schema_arrow.names, key, kind="column")
        _check_size(file, name, path.stat().st_size)
        form = find_form(file, name)
        batches = read_batches(file, name)
        if form.is_list:
            return _read_lists(batches, definition)
        return _read_rows(batches, form.dtype, form.width)


@contextmanager
def open_parquet(path: Path) -> Iterator[Any]:
    """Open a file, as pyarrow's ParquetFile."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError("parquet files need pyarrow: pip install gitstore[parquet]") from error
    with path.open("rb") as opened:
        arrayfiles.check_regular(opened)
        with pyarrow.parquet.ParquetFile(
            opened,
            buffer_size=_BUFFER,
            pre_buffer=False,
            thrift_string_size_limit=MAX_FOOTER,
            thrift_container_size_limit=MAX_FOOTER,
        ) as file:
            yield file


class ColumnForm(NamedTuple):
    """What a column holds: numbers or objects of a type, `width` of them in each row, or lists."""

    dtype: np.dtype[Any]
    width: int | None = None
    is_list: bool = False

    @property
    def dimensions(self) -> int:
        """The number of dimensions of a row."""
        return int(self.is_list or self.width is not None)


def find_form(file: Any, name: str) -> ColumnForm:
    """Return the form of a column. Raises ValueError if gitstore has no type for what it holds."""
    import pyarrow.types

    kind = file.schema_arrow.field(name).type
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return ColumnForm(_find_dtype(kind.value_type, name), is_list=True)
    width = kind.list_size if pyarrow.types.is_fixed_size_list(kind) else None
    return ColumnForm(_find_dtype(kind if width is None else kind.value_type, name), width)


def convert_rows(column: Any, form: ColumnForm) -> Array:
    """Return rows that are no lists as an array of numpy."""
    items = _flatten(column if form.width is None else column.flatten()).astype(form.dtype, copy=False)
    return items if form.width is None else items.reshape(len(column), form.width)


def convert_lists(column: Any) -> list[Array]:
    """Return each list as an array of numpy."""
    ends = np.cumsum(column.value_lengths().to_numpy(zero_copy_only=False))
    return np.split(_flatten(column.flatten()), ends[:-1]) if len(ends) else []


def _check_size(file: Any, name: str, size: int) -> None:
    """Raise ValueError if a column takes far more memory than its file has bytes, as in an .npz file."""
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    columns = (group.column(number) for group in groups for number in range(group.num_columns))
    content = sum(
        column.total_uncompressed_size for column in columns if column.path_in_schema.split(".")[0] == name
    )
    limit = max(arrayfiles.MAX_INFLATED, arrayfiles.MAX_RATIO * size)
    bounded.check_size(max(content, file.metadata.num_rows), limit, f"its column {quoted(name)}")


def _find_dtype(kind: Any, name: str) -> np.dtype[Any]:
    """Return the type of an array for a type of Arrow. Text and bytes are objects."""
    import pyarrow.types

    if pyarrow.types.is_boolean(kind) or pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind):
        dtype: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
        return dtype
    texts = (
        pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_binary,
        pyarrow.types.is_large_binary, pyarrow.types.is_fixed_size_binary,
    )  # fmt: skip
    if any(is_text(kind) for is_text in texts):
        return np.dtype(object)
    raise ValueError(f"its column {quoted(name)} holds {kind}, which gitstore does not have")


def read_batches(file: Any, name: str, rows: int = _BATCH) -> Iterator[Any]:
    """Yield the column in arrays of Arrow, each of at most `rows`. Raises ValueError for a missing value."""
    for batch in file.iter_batches(rows, columns=[name], use_threads=False):
        column = batch.column(0)
        if column.null_count:
            raise ValueError(f"its column {quoted(name)} has cells without a value")
        yield column


def _flatten(column: Any) -> Array:
    """Return the items of an array of Arrow. Raises ValueError for an item without a value."""
    if column.null_count:
        raise ValueError("it has a list with an item that has no value")
    array: Array = column.to_numpy(zero_copy_only=False)
    return array


def _read_rows(batches: Iterator[Any], dtype: np.dtype[Any], width: int | None) -> Array:
    """Return all rows, of `width` items each, or of one."""
    if dtype.kind == "O":
        return _read_items(batches, width)
    with tempfile.NamedTemporaryFile(prefix="gitstore-column-") as file:
        size = 0
        for column in batches:
            items = _flatten(column if width is None else column.flatten()).astype(dtype, copy=False)
            size += items.nbytes
            file.write(items.data)
        file.flush()
        count = size // dtype.itemsize
        shape = (count,) if width is None else (count // max(width, 1), width)
        header = ArrayHeader(shape, "C", dtype, 0)
        with Path(file.name).open("rb") as content:
            return arrayfiles.read_array(content, Path(file.name), header)


def _read_items(batches: Iterator[Any], width: int | None) -> Array:
    arrays = []
    size = count = 0
    for column in batches:
        arrays.append(_flatten(column if width is None else column.flatten()))
        count += len(arrays[-1])
        size += column.nbytes
        bounded.check_size(size, bounded.MAX_BYTES)
        if count > arrayfiles.MAX_ITEMS:
            raise ValueError(f"it has more than {arrayfiles.MAX_ITEMS:,} texts")
    array = np.concatenate(arrays) if arrays else np.empty(0, dtype=object)
    return array if width is None else array.reshape(-1, width)


def _read_lists(batches: Iterator[Any], definition: Parameter) -> Value:
    """Return lists as a ragged value, or as the rows of an array if they have one length."""
    elements: list[Array] = []
    size = 0
    for column in batches:
        size += column.nbytes
        bounded.check_size(size, bounded.MAX_BYTES)
        elements += convert_lists(column)
        if len(elements) > MAX_LENGTHS:
            raise ValueError(f"it has more than {MAX_LENGTHS:,} lists")
    if definition.ragged:
        return elements
    if len({len(element) for element in elements}) > 1:
        raise ValueError("its lists have different lengths; settings.yaml would have to say ragged: true")
    return np.stack(elements) if elements else np.empty((0, 0), dtype=object)
