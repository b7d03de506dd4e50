"""Reading values from files: arrays, tables, literals, images and sounds, and any file as bytes.

Arrays in npy, npz, safetensors and parquet keep their element type; csv and json hold literals. Images and
sounds are decoded for parameters of numbers. Nothing is unpickled. Errors are ValueErrors, whose text begins
with the file's name as the user wrote it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np

from gitstore.run.values import arrayfiles, bounded, columns, decoding, literals, tensorfiles
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array, Value
from gitstore.settings.schema import Parameter
from gitstore.text import counted, quoted

KINDS = (".npy", ".npz", ".safetensors", ".parquet", ".csv", ".json")
MEDIA = (*decoding.IMAGES, *decoding.SOUNDS)

_WITH_KEY = re.compile(r"(?P<path>.+\.(?:npz|safetensors|parquet)):(?P<key>.*)", re.DOTALL | re.IGNORECASE)


def read(reference: str, definition: Parameter, directory: Path) -> Value:
    """Read the value of a parameter from a file.

    `reference` is a path, relative to `directory`. After that of a file with several arrays, `:KEY` selects
    one. A parameter of bytes (binary, image, …) takes any file as it is.
    """
    path, key = split_key(reference, directory)
    suffix = path.suffix.lower()
    try:
        if key is None and _wants_bytes(definition, suffix):
            return np.array(bounded.read(path, bounded.MAX_BYTES), dtype=object)
        return _read_array(path, key, definition)
    except OSError as error:
        raise ValueError(f"{reference}: {error.strerror or error}") from error
    except Exception as error:
        # For damaged files, numpy, zipfile and zlib raise exceptions of many classes.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{reference}: {reason}") from error


def split_key(reference: str, directory: Path) -> tuple[Path, str | None]:
    """Return the path of a reference, and the key after it, if there is one."""
    path = directory / reference
    if (match := _WITH_KEY.fullmatch(reference)) and not path.exists():
        return directory / match["path"], match["key"]
    return path, None


def _read_array(path: Path, key: str | None, definition: Parameter) -> Value:
    match path.suffix.lower():
        case ".npy":
            return arrayfiles.read_npy(path)
        case ".npz":
            return arrayfiles.read_npz(path, key)
        case ".safetensors":
            return tensorfiles.read_safetensors(path, key)
        case ".parquet":
            return columns.read_parquet(path, key, definition)
        case ".csv":
            return _read_csv(path, definition)
        case ".json":
            return _read_json(path, definition)
        case suffix if suffix in decoding.IMAGES:
            return decoding.read_image(path, definition)
        case suffix if suffix in decoding.SOUNDS:
            return decoding.read_sound(path, definition)
    raise ValueError(f"its file type is not supported; supported are {', '.join((*KINDS, *MEDIA))}")


def _wants_bytes(definition: Parameter, suffix: str) -> bool:
    binary = set(definition.types) & set(tensors.BINARY)
    return bool(binary) and (suffix not in KINDS or len(binary) == len(definition.types))


def _read_json(path: Path, definition: Parameter) -> Value:
    content = bounded.read(path, bounded.MAX_TEXT)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from error
    return literals.make_value(value, definition)


def _read_csv(path: Path, definition: Parameter) -> Array:
    """Read rows of numbers. For a parameter of one dimension or none, a single row or column is enough."""
    rows = _read_rows(path)
    dimensions = len(definition.shape)
    if dimensions < 2 and (len(rows) == 1 or len(rows[0]) == 1):
        line = [number for row in rows for number in row]
        is_scalar = dimensions == 0 and len(line) == 1
        return literals.make_array(line[0] if is_scalar else line, definition.types)
    return literals.make_array(rows, definition.types)


def _read_rows(path: Path) -> list[list[float]]:
    """Read all rows, which must have the same length. A first row without numbers is skipped as a header."""
    rows: list[list[float]] = []
    text = bounded.read(path, bounded.MAX_TEXT).decode("utf-8-sig")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    for cells in lines:
        numbers = [number for number in map(_parse_number, cells) if number is not None]
        if not cells or (not numbers and lines.line_num == 1):
            continue
        if len(numbers) < len(cells):
            wrong = next(cell for cell in cells if _parse_number(cell) is None)
            raise ValueError(f"line {lines.line_num}: {quoted(wrong)} is not a number")
        if rows and len(cells) != len(rows[0]):
            raise ValueError(f"line {lines.line_num}: has {counted(len(cells), 'value')}, not {len(rows[0])}")
        rows.append(numbers)
    if not rows:
        raise ValueError("it contains no numbers")
    return rows


def _parse_number(cell: str) -> float | None:
    """Parse a cell, as an int if possible; `None` if it is no number. Python alone also accepts 1_000."""
    for kind in (int, float):
        try:
            return kind(cell) if "_" not in cell else None
        except ValueError:
            continue
    return None
