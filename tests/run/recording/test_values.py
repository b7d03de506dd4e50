"""Values of records: what their files hold, and files that strangers made."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from gitstore.errors import Corrupt, GitstoreError
from gitstore.run.recording.values import describing, read_values, write_values
from gitstore.run.worker import tensors


def objects(shape: tuple[int, ...], *items: object) -> np.ndarray:
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(shape)


ARRAYS = {
    "numbers": np.arange(12, dtype=np.float32).reshape(3, 4),
    "scalar": np.array(7, np.int64),
    "flags": np.array([True, False]),
    "none": np.zeros((0, 3), np.uint8),
    "text": objects((2, 2), "a", "b\0c", "", "é\n"),
    "word": objects((), "one"),
    "bytes": objects((2,), b"\0\xff", b""),
    "picture": objects((), b"\x89PNG"),
    "nothing": objects((0,)),
}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    values = write_values(ARRAYS, tmp_path, "inputs")
    for value in values:
        assert isinstance(value.file, str)
        assert (value.sha256, value.size) == (
            digest(tmp_path / value.file),
            (tmp_path / value.file).stat().st_size,
        )
    read = read_values(tmp_path, values)
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tolist() == array.tolist()


def test_files_can_be_read_without_gitstore(tmp_path: Path) -> None:
    write_values(ARRAYS, tmp_path, "inputs")
    assert np.load(tmp_path / "inputs" / "numbers.npy").tolist() == ARRAYS["numbers"].tolist()
    assert json.loads((tmp_path / "inputs" / "text.json").read_text()) == ["a", "b\0c", "", "é\n"]
    assert base64.b64decode(json.loads((tmp_path / "inputs" / "picture.json").read_text())[0]) == b"\x89PNG"


def test_scalars_are_shown_in_the_record(tmp_path: Path) -> None:
    values = write_values(ARRAYS, tmp_path, "inputs")
    shown = {value.name: value.value for value in values if value.value is not UNSET}
    assert shown == {"scalar": 7, "word": "one", "picture": "iVBORw=="}


def test_a_description_has_the_sha256_of_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "numbers.npy", ARRAYS["numbers"])
    with describing({"numbers": ARRAYS["numbers"], "file": tmp_path / "numbers.npy"}) as description:
        first, second = description.result()
    assert first.sha256 == second.sha256 == digest(tmp_path / "numbers.npy")
    assert (second.type, first.type) == ("file", "f32")


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with describing({"file": tmp_path / "gone"}) as description, pytest.raises(GitstoreError, match="gone"):
        description.result()


def test_describing_ends_with_the_block() -> None:
    large = np.zeros(1 << 28, np.uint8)
    with pytest.raises(KeyboardInterrupt), describing({"large": large}):
        raise KeyboardInterrupt


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_any_text(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        values = write_values({"text": objects((len(texts),), *texts)}, Path(directory), "inputs")
        assert read_values(Path(directory), values)["text"].tolist() == texts


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [12]}, "has the type f32 and the shape"),
        ({"type": "f64"}, "has the type f32"),
        ({"type": "string"}, "another name"),
        ({"file": "../secret.npy"}, "another name"),
        ({"file": "inputs/other.npy"}, "another name"),
        ({"name": "../inputs/numbers"}, "does not name it"),
    ],
)
def test_a_record_that_is_not_true(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    (tmp_path / "state").mkdir()
    (value,) = write_values({"numbers": ARRAYS["numbers"]}, tmp_path / "state", "inputs")
    (tmp_path / "secret.npy").write_bytes((tmp_path / "state" / "inputs" / "numbers.npy").read_bytes())
    with pytest.raises(Corrupt, match=message):
        read_values(tmp_path / "state", [replace(value, **changes)])


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b'["a"]', b'["a", "b", "c"]', b'{"a": 1}', b"[" * 100_000, b'["a", "\xff"]']
)
def test_a_damaged_file_of_text(tmp_path: Path, content: bytes) -> None:
    values = write_values({"text": objects((2,), "a", "b")}, tmp_path, "inputs")
    (tmp_path / "inputs" / "text.json").write_bytes(content)
    with pytest.raises(Corrupt, match="of text is damaged"):
        read_values(tmp_path, values)


def test_a_huge_shape_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (value,) = write_values({"text": objects((2,), "a", "b")}, tmp_path, "inputs")
    with pytest.raises(Corrupt, match="more than are read"):
        read_values(tmp_path, [replace(value, shape=[1 << 40])])


def test_bytes_that_are_not_base64(tmp_path: Path) -> None:
    values = write_values({"bytes": objects((1,), b"a")}, tmp_path, "inputs")
    (tmp_path / "inputs" / "bytes.json").write_text('["?"]')
    with pytest.raises(Corrupt):
        read_values(tmp_path, values)
    assert tensors.find_element_type(ARRAYS["bytes"]) == "binary"
