"""The examples of a file or a directory: what each of them has for the inputs, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gitstore.batch.columns import ArrayColumn, FileColumn
from gitstore.batch.examples import Examples, open_examples
from gitstore.errors import InvalidInput
from gitstore.run.worker import shared
from gitstore.settings.schema import Parameter, TensorType
from tests.support import tensors

IMAGES = Parameter(name="images", types=(TensorType.u8,), shape=(-1, 2))
LABELS = Parameter(name="labels", types=(TensorType.i64,), shape=(-1,))
PHOTO = Parameter(name="photo", types=(TensorType.image,), shape=(-1,))
OPTIONAL = Parameter(name="scale", types=(TensorType.f64,), shape=(), required=False)

FOUR = np.arange(8, dtype=np.uint8).reshape(4, 2)


def refused(path: Path, *definitions: Parameter, given: tuple[str, ...] = ()) -> str:
    with (
        pytest.raises(InvalidInput) as caught,
        open_examples(path.name, definitions or (IMAGES, LABELS), given=given, directory=path.parent),
    ):
        pass
    (line,) = caught.value.problems
    return line


def write(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "nowhere.npz": (lambda _: None, "nowhere.npz: No such file or directory"),
    "table.csv": (write, "table.csv: a batch is a directory, or a file .npz, .npy, .safetensors or .parquet"),
    "broken.npz": (write, "broken.npz: it is not an .npz file"),
    "broken.npy": (
        write,
        "broken.npy: it is for one input, and those that -p does not give are images, labels",
    ),
    "broken.safetensors": (write, "broken.safetensors: it is shorter than a header's length"),
    "broken.parquet": (write, "broken.parquet: Parquet file size is 1 bytes"),
    "others.npz": (
        lambda path: np.savez(path, x=FOUR, y=FOUR),
        "others.npz: it has x, y, and nothing called like an input; the inputs are images, labels",
    ),
    "objects.npz": (
        lambda path: np.savez(path, images=np.array([{}])),
        "objects.npz: it contains Python objects, which gitstore does not read",
    ),
    "scalar.npz": (
        lambda path: np.savez(path, labels=1),
        "scalar.npz: its labels is a single value, and has no examples",
    ),
    "uneven.npz": (
        lambda path: np.savez(path, images=FOUR, labels=np.arange(3)),
        "the inputs have different numbers of examples: images has 4, labels has 3",
    ),
    "empty.npz": (lambda path: np.savez(path, images=FOUR[:0]), "images: there are no examples"),
    "dates.parquet": (
        lambda path: pq.write_table(pa.table({"labels": pa.array([1], pa.timestamp("s"))}), path),
        "dates.parquet: its column 'labels' holds timestamp[ms], which gitstore does not have",
    ),
    "empty": (
        lambda path: path.mkdir(),
        "empty: it is for one input, and those that -p does not give are images, labels;",
    ),
    "nothing": (lambda path: (path / "images").mkdir(parents=True), "nothing: it has no files"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    make, message = REFUSED[name]
    make(tmp_path / name)
    assert refused(tmp_path / name).startswith(message)


def test_pairs_of_files_that_are_no_pairs(tmp_path: Path) -> None:
    masks = Parameter(name="masks", types=(TensorType.image,), shape=(-1,))
    for name in ("photo/a.png", "photo/b.png", "masks/a.png", "masks/c.png"):
        write(tmp_path / "d" / name)
    message = "masks/c and photo/b are not of one example: files have different names"
    assert refused(tmp_path / "d", PHOTO, masks) == message


def test_a_directory_without_files(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    write(tmp_path / "d" / ".hidden")
    assert refused(tmp_path / "d", PHOTO) == "d: it has no files"


def look(
    path: Path, *definitions: Parameter, given: tuple[str, ...] = ()
) -> tuple[Examples, dict[str, list[object]]]:
    """The examples, and what their columns give in chunks of three."""
    with open_examples(path.name, definitions, given=given, directory=path.parent) as examples:
        values: dict[str, list[object]] = {name: [] for name in examples.columns}
        for start in range(0, examples.count, 3):
            for name, column in examples.columns.items():
                chunk = column.read(start, min(start + 3, examples.count))
                values[name] += [item.tolist() for item in chunk]
        return examples, values


FILES: dict[str, Callable[[Path], object]] = {
    "a.npz": lambda path: np.savez(path, images=FOUR, labels=np.arange(4), ids=FOUR),
    "b.npz": lambda path: np.savez_compressed(path, images=FOUR, labels=np.arange(4), ids=FOUR),
    "c.npz": lambda path: np.savez(path, images=FOUR.copy("F"), labels=np.arange(4, dtype=">i8"), ids=FOUR),
    "d.safetensors": lambda path: path.write_bytes(
        tensors.safetensors(
            {
                "images": ("U8", [4, 2], FOUR.tobytes()),
                "labels": ("I64", [4], np.arange(4).tobytes()),
                "ids": ("U8", [1], b"x"),
            }
        )
    ),
    "e.parquet": lambda path: pq.write_table(
        pa.table(
            {
                "images": pa.FixedSizeListArray.from_arrays(pa.array(FOUR.reshape(-1)), 2),
                "labels": np.arange(4),
                "ids": ["a", "b", "c", "d"],
            }
        ),
        path,
        row_group_size=2,
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_arrays_that_are_called_like_the_inputs(tmp_path: Path, name: str) -> None:
    FILES[name](tmp_path / name)
    examples, values = look(tmp_path / name, IMAGES, LABELS, OPTIONAL)
    assert values == {"images": FOUR.tolist(), "labels": [0, 1, 2, 3]}
    assert (examples.count, examples.unused, examples.labels) == (4, ("ids",), None)
    # What is given otherwise is not used.
    examples, values = look(tmp_path / name, IMAGES, LABELS, given=("labels",))
    assert values.keys() == {"images"}
    assert set(examples.unused) == {"labels", "ids"}


@pytest.mark.parametrize("name", FILES)
def test_a_key_for_the_only_input(tmp_path: Path, name: str) -> None:
    FILES[name](tmp_path / name)
    pictures = msgspec.structs.replace(IMAGES, name="pictures")
    examples, values = look(tmp_path / f"{name}:images", pictures, OPTIONAL)
    assert values == {"pictures": FOUR.tolist()}
    assert set(examples.unused) == {"labels", "ids"}
    message = f"{name}:none: it has no array none; it has "
    assert refused(tmp_path / f"{name}:none", IMAGES).startswith(message)
    assert refused(tmp_path / f"{name}:images").startswith(f"{name}:images: it is for one input, and those")


def test_an_array_is_mapped_and_never_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 38, 2)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + (1 << 39))  # half a terabyte of holes
    with open_examples("a.npy", [IMAGES], given=(), directory=tmp_path) as examples:
        column = examples.columns["images"]
        assert isinstance(column, ArrayColumn)
        assert column.read(1 << 37, (1 << 37) + 2) == pytest.approx(np.zeros((2, 2)))
        assert shared.find_source(column.array) is None


def test_the_only_input_of_an_npy_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FOUR)
    assert look(tmp_path / "a.npy", IMAGES, OPTIONAL)[1] == {"images": FOUR.tolist()}
    assert look(tmp_path / "a.npy", LABELS, IMAGES, given=("labels",))[1] == {"images": FOUR.tolist()}


def test_lists_of_different_lengths_in_a_table(tmp_path: Path) -> None:
    ragged = Parameter(name="words", types=(TensorType.i64,), shape=(-1, -1), ragged=True)
    words = [[1], [], [2, 3], [4, 5, 6]]
    pq.write_table(pa.table({"words": words}), tmp_path / "a.parquet", row_group_size=3)
    assert look(tmp_path / "a.parquet", ragged)[1] == {"words": words}


def test_a_directory_with_a_file_for_each_example(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", ".hidden", "c/below.png", "ä.webp"):
        write(tmp_path / "d" / name, name.encode())
    examples, values = look(tmp_path / "d", PHOTO)
    assert values == {"photo": [b"a.jpg", b"b.png", "ä.webp".encode()]}
    assert (examples.labels, examples.unused) == (["a", "b", "ä"], ("c",))


def test_a_directory_with_the_names_of_inputs(tmp_path: Path) -> None:
    for name in ("photo/2.png", "photo/1.png", "readme.txt"):
        write(tmp_path / "d" / name, name.encode())
    np.save(tmp_path / "d" / "labels.npy", np.arange(2))
    examples, values = look(tmp_path / "d", PHOTO, LABELS)
    assert values == {"photo": [b"photo/1.png", b"photo/2.png"], "labels": [0, 1]}
    assert (examples.labels, examples.unused) == (["1", "2"], ("readme.txt",))


SINGLES: dict[str, tuple[Parameter, str, tuple[int, ...]]] = {
    "bytes": (PHOTO, "a.png", ()),
    "bytes that are one value": (Parameter(name="x", types=(TensorType.image,), shape=()), "a.png", ()),
    "rows": (IMAGES, "a.npy", (2,)),
    "pictures": (Parameter(name="x", types=(TensorType.u8,), shape=(-1, 8, 8, 3)), "a.png", (8, 8, 3)),
    "grey pictures": (Parameter(name="x", types=(TensorType.u8,), shape=(-1, -1, -1)), "a.png", (-1, -1)),
    "one picture": (Parameter(name="x", types=(TensorType.u8,), shape=(-1, -1, 3)), "a.png", (-1, -1, 3)),
    "ragged pictures": (
        Parameter(name="x", types=(TensorType.u8,), shape=(-1, -1, 3), ragged=True), "a.png", (-1, 3),
    ),
    "one sound": (Parameter(name="x", types=(TensorType.f32,), shape=(-1,)), "a.wav", (-1,)),
    "sounds": (Parameter(name="x", types=(TensorType.f32,), shape=(-1, -1)), "a.wav", (-1,)),
}  # fmt: skip


@pytest.mark.parametrize("case", SINGLES)
def test_what_a_file_is_of_a_parameter(tmp_path: Path, case: str) -> None:
    definition, name, shape = SINGLES[case]
    write(tmp_path / "d" / name)
    with open_examples("d", [definition], given=(), directory=tmp_path) as examples:
        column = examples.columns[definition.name]
        assert isinstance(column, FileColumn)
        assert column.single.shape == shape
        assert column.dimensions == len(shape)
