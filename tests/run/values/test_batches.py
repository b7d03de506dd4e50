"""Several values for one input, on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gitstore.errors import InvalidInput
from gitstore.run.values.reading import read_inputs
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter, TensorType


def read(*texts: str, directory: Path, types: str = "image", shape: tuple[int, ...] = (-1,)) -> Array:
    definition = Parameter(name="x", types=tuple(map(TensorType, types.split())), shape=shape)
    return read_inputs([f"x={text}" for text in texts], [definition], directory=directory)["x"]


def refused(*texts: str, directory: Path, types: str = "image", shape: tuple[int, ...] = (-1,)) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(*texts, directory=directory, types=types, shape=shape)
    (line,) = caught.value.problems
    return line.removeprefix("x: ")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("b.png", "a.png", "c[1].png", "d.jpg"):
        (tmp_path / "in" / name).write_bytes(name.encode())
    (tmp_path / "in" / "directory.png").mkdir()
    return tmp_path


def test_a_name_that_is_given_again(pictures: Path) -> None:
    array = read("@in/b.png", "@in/a.png", directory=pictures)
    assert (array.shape, array.tolist()) == ((2,), [b"b.png", b"a.png"])


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("@in/*.png", ["a.png", "b.png", "c[1].png"]),
        ("@in/[ab].png", ["a.png", "b.png"]),
        ("@in/d*", ["d.jpg"]),
        ("@**/b.???", ["b.png"]),
    ],
)
def test_a_pattern_in_the_order_of_names(pictures: Path, text: str, files: list[str]) -> None:
    assert read(text, directory=pictures).tolist() == [name.encode() for name in files]


def test_a_file_that_is_called_like_a_pattern(pictures: Path) -> None:
    assert read("@in/c[1].png", directory=pictures, shape=()).item() == b"c[1].png"
    np.savez(pictures / "a[1].npz", k=np.ones(2))
    assert read("@a[1].npz:k", directory=pictures, types="f64").tolist() == [1, 1]


def test_a_list_of_files_relative_to_itself(pictures: Path) -> None:
    (pictures / "in" / "list.txt").write_text(f"b.png\n\n../in/a.png\n{pictures}/in/d.jpg\n")
    assert read("@@in/list.txt", directory=pictures).tolist() == [b"b.png", b"a.png", b"d.jpg"]
    assert read("@@in/list.txt", "@in/a.png", directory=pictures).shape == (4,)


@pytest.mark.parametrize(
    ("texts", "types", "shape", "value"),
    [
        (("[1, 2]", "[3]"), "f32", (-1,), [1, 2, 3]),
        (("1", "300"), "u8 i64", (-1,), [1, 300]),
        (("[1, 2]", "[[3, 4], [5, 6]]"), "i8", (-1, 2), [[1, 2], [3, 4], [5, 6]]),
        (("[1, 2]", "[3, 4]"), "i8", (2, -1), [[1, 3], [2, 4]]),
        (("[[1], [2]]", "[[3], [4]]"), "i8", (2, -1), [[1, 3], [2, 4]]),
        (("a word", "[1", '"x"'), "string", (-1,), ["a word", "[1", "x"]),
    ],
)
def test_arrays_are_joined_or_stacked(
    tmp_path: Path, texts: tuple[str, ...], types: str, shape: tuple[int, ...], value: object
) -> None:
    assert read(*texts, directory=tmp_path, types=types, shape=shape).tolist() == value


def test_files_of_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "1.npy", np.zeros((2, 3), "f4"))
    np.save(tmp_path / "2.npy", np.ones(3, "f4"))
    (tmp_path / "3.csv").write_text("2,2,2\n3,3,3\n")
    array = read("@*.npy", "@3.csv", directory=tmp_path, types="f32", shape=(-1, 3))
    assert array[:, 0].tolist() == [0, 0, 1, 2, 3]
    assert array.dtype == np.float32


@pytest.mark.parametrize(
    ("texts", "types", "shape", "problem"),
    [
        (("1", "2"), "i8", (), "is given twice, but its shape () has no open dimension (-1)"),
        (("1", "2", "3"), "i8", (3,), "is given 3 times, but its shape (3,) has no open dimension (-1)"),
        (("@*.gif",), "image", (-1,), "*.gif: no file matches"),
        (("@@none.txt",), "image", (-1,), "none.txt: No such file or directory"),
        (("@@/dev/null",), "image", (-1,), "/dev/null: it lists no files"),
        (
            ("[1, 2]", "[1, 2, 3]"),
            "i8",
            (-1, -1),
            "value 2 has the shape (3,), which does not fit (2,) of value 1",
        ),
        (("1", "[1, 2]"), "i8", (-1, 2), "value 1 has the shape (): settings.yaml asks for (-1, 2)"),
        (("1", "1.5"), "i8 f32", (-1,), "its values are of different types: float32, int8"),
        (("[1, 2]",), "i8", (3,), "shape is (2,), but settings.yaml asks for (3,)"),
    ],
)
def test_what_is_no_batch(
    tmp_path: Path, texts: tuple[str, ...], types: str, shape: tuple[int, ...], problem: str
) -> None:
    assert refused(*texts, directory=tmp_path, types=types, shape=shape) == problem


def test_all_of_a_batch_is_bounded(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitstore.run.values.bounded.MAX_BYTES", 12)
    assert refused("@in/*.png", directory=pictures) == "it has 18 B, more than the 12 B that are read"
