"""Input files that claim or hold more than they should: one line, before memory is taken."""

from __future__ import annotations

import os
import struct
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gitstore.errors import InvalidInput
from gitstore.run.values import arrayfiles, bounded
from gitstore.run.values.reading import read_inputs
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter, TensorType

MIB = 1 << 20


def read(text: str, directory: Path, *, types: str = "f64", shape: tuple[int, ...] = (-1,)) -> Array:
    definition = Parameter(name="x", types=(TensorType(types),), shape=shape)
    return read_inputs([f"x={text}"], [definition], directory=directory)["x"]


def refused(text: str, directory: Path, *, types: str = "f64", shape: tuple[int, ...] = (-1,)) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(text, directory, types=types, shape=shape)
    (line,) = caught.value.problems
    assert len(line) < 300
    return line.removeprefix(f"x: {text.removeprefix('@')}: ")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Fail if more than 16 MiB were taken at once; numpy and Python both tell tracemalloc."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


def npy(shape: object, *, dtype: str = "<f8", data: bytes = b"", order: bool = False) -> bytes:
    text = repr({"descr": dtype, "fortran_order": order, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy((10**9,)), "its array takes 7.5 GiB, and it ends before that"),
        (npy((2**40, 2**40)), "its header has a shape and type that no array can have"),
        (npy((2**62,) * 400), "its header has a shape and type that no array can have"),
        (npy((-1,)), "its header has a shape and type that no array can have"),
        (npy((10**12,), dtype="|S0"), "its header has a shape and type that no array can have"),
        (npy((10**9,), dtype="|S1"), "its array takes 953.7 MiB, and it ends before that"),
        (npy((2,), dtype="|V1000000000"), "its array takes 1.9 GiB, and it ends before that"),
        (npy((3,), data=bytes(23)), "its array takes 24 B, and it ends before that"),
        (b"\x93NUMPY\x02\x00" + b"\xff" * 200, "its header has 4.0 GiB, more than the 9.8 KiB that are read"),
        (npy((2,), dtype="|b1", data=b"\x01\x02"), "it has a bool that is neither 0 nor 1"),
    ],
    ids=range(10),
)
def test_a_header_that_claims_too_much(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    assert refused("@x.npy", tmp_path) == reason


def test_too_many_texts(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        file.write(npy((arrayfiles.MAX_ITEMS + 1,), dtype="|S1"))
        file.truncate(arrayfiles.MAX_ITEMS + 1000)
    assert refused("@x.npy", tmp_path, types="string") == "it holds more than 16,777,216 texts"


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("order", [False, True])
def test_a_large_array_is_mapped(tmp_path: Path, order: bool) -> None:
    count = arrayfiles.MAP_FROM // 8 + 1
    with (tmp_path / "x.npy").open("wb") as file:
        file.write(npy((count,), order=order))
        file.truncate(file.tell() + 8 * count)
    array = read("@x.npy", tmp_path)
    assert (array.shape, array[-1]) == ((count,), 0)


def test_an_array_in_an_archive_takes_memory_in_proportion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros(MIB))
    assert read("@x.npz", tmp_path).shape == (MIB,)
    monkeypatch.setattr(arrayfiles, "MAX_INFLATED", MIB)
    assert refused("@x.npz", tmp_path) == (
        "its array x has 8.0 MiB, over 100 times what it takes in the file; save it with numpy.save"
    )


@pytest.mark.usefixtures("little_memory")
def test_an_archive_that_lies_about_sizes(tmp_path: Path) -> None:
    """The directory claims 4 GiB of an array, in the file and out of it."""
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy((2**29 - 100,), data=bytes(1000)))
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 20 : at + 28] = struct.pack("<II", 2**32 - 2, 2**32 - 2)
    path.write_bytes(content)
    assert refused("@x.npz", tmp_path).startswith("its array x has 4.0 GiB, over 100 times what it takes")
    content[at + 24 : at + 28] = struct.pack("<I", 200 * MIB)
    path.write_bytes(content)
    assert refused("@x.npz", tmp_path) == "its array takes 4.0 GiB, and it ends before that"


@pytest.mark.usefixtures("little_memory")
def test_an_archive_with_a_huge_directory(tmp_path: Path) -> None:
    with (tmp_path / "x.npz").open("wb") as file:
        file.truncate(100 * MIB)
        file.seek(100 * MIB)
        file.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, 100 * MIB, 0, 0))
    reason = "its list of arrays has 100.0 MiB, more than the 4.0 MiB that are read"
    assert refused("@x.npz", tmp_path) == reason


class TestWhatHasNoSize:
    @pytest.fixture(autouse=True)
    def bound(self, monkeypatch: pytest.MonkeyPatch, little_memory: None) -> None:
        monkeypatch.setattr(bounded, "MAX_STREAM", 4 * MIB)

    @pytest.mark.parametrize("name", ["zero", "zero.json", "zero.csv"])
    def test_a_device_that_never_ends(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).symlink_to("/dev/zero")
        assert refused(f"@{name}", tmp_path, types="binary" if name == "zero" else "f64", shape=()) == (
            "it has more than 4.0 MiB, the most that is read"
        )

    @pytest.mark.parametrize("name", ["zero.npy", "zero.npz"])
    def test_arrays_are_read_from_regular_files(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).symlink_to("/dev/zero")
        assert refused(f"@{name}", tmp_path) == (
            "it is not a regular file; only bytes are read from pipes and devices"
        )

    def test_a_pipe_as_of_process_substitution(self, tmp_path: Path) -> None:
        reader, writer = os.pipe()
        content = bytes(3 * MIB)

        def write() -> None:
            with os.fdopen(writer, "wb") as file:
                file.write(content)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            assert read(f"@/dev/fd/{reader}", tmp_path, types="binary", shape=()).item() == content
        finally:
            os.close(reader)
            thread.join()


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    ("name", "limit"), [("x.json", "64.0 MiB"), ("x.csv", "64.0 MiB"), ("x.wav", "4.0 GiB")]
)
def test_a_regular_file_that_is_too_large(tmp_path: Path, name: str, limit: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(5 << 30)
    types = "audio" if name == "x.wav" else "f64"
    assert refused(f"@{name}", tmp_path, types=types, shape=()) == (
        f"it has 5.0 GiB, more than the {limit} that are read"
    )
