"""Tensors of .safetensors files, and arrays that are mapped from files of every kind."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest

from gitstore.errors import InvalidInput
from gitstore.run.values import arrayfiles
from gitstore.run.values.reading import read_inputs
from gitstore.run.worker import shared
from gitstore.settings.schema import Parameter, TensorType
from tests.support import combinations, workers

GIB = 1 << 30


def read(directory, text, types="f32", shape=(-1,), **options):
    names = tuple(map(TensorType, types.split()))
    definition = Parameter(name="x", types=names, shape=tuple(shape), **options)
    return read_inputs([f"x={text}"], [definition], directory=directory)["x"]


def problem(directory, text, types="f32", shape=(-1,)):
    with pytest.raises(InvalidInput) as caught:
        read(directory, text, types, shape)
    (line,) = caught.value.problems
    return line.removeprefix("x: ")


def write(path, tensors):
    """Write tensors, each of a type, a shape and bytes."""
    header, at = {}, 0
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
    text = json.dumps(header).encode()
    path.write_bytes(
        struct.pack("<Q", len(text)) + text + b"".join(content for *_, content in tensors.values())
    )


@pytest.fixture
def files(tmp_path):
    values = np.arange(6, dtype=np.float32)
    write(
        tmp_path / "two.safetensors",
        {
            "a": ("F32", [2, 3], values.tobytes()),
            "b": ("BOOL", [2], b"\1\0"),
            "h": ("BF16", [1], b"\0\0"),
            "w": ("BOOL", [1], b"\2"),
            "none": ("F64", [0, 4], b""),
        },
    )
    write(tmp_path / "one.safetensors", {"only": ("I64", [], struct.pack("<q", -7))})
    np.save(tmp_path / "x.npy", values)
    np.savez(tmp_path / "x.npz", other=np.zeros(3), x=values)
    np.savez_compressed(tmp_path / "c.npz", x=values)
    return tmp_path


def test_tensors(files):
    assert read(files, "@two.safetensors:a", shape=(-1, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read(files, "@two.safetensors:b", "bool").tolist() == [True, False]
    assert read(files, "@two.safetensors:none", "f64", (-1, 4)).shape == (0, 4)
    assert read(files, "@one.safetensors", "i64", ()) == -7


def test_what_is_not_read(files):
    (files / "bad.safetensors").write_bytes(b"\xff" * 20)
    cases = [
        problem(files, "@two.safetensors"),
        problem(files, "@two.safetensors:c"),
        problem(files, "@two.safetensors:h"),
        problem(files, "@two.safetensors:w", "bool"),
        problem(files, "@bad.safetensors"),
    ]
    assert cases == [
        "two.safetensors: it holds 5 tensors; name one after a colon: a, b, h, w, none",
        "two.safetensors:c: it has no tensor c; it has a, b, h, w, none",
        "two.safetensors:h: its tensor 'h' is BF16, which gitstore does not have",
        "two.safetensors:w: it has a bool that is neither 0 nor 1",
        "bad.safetensors: its header is longer than 16 MiB",
    ]


@pytest.mark.parametrize("text", ["@x.npy", "@x.npz:x", "@two.safetensors:a"])
def test_large_arrays_are_mapped(files, text, monkeypatch):
    monkeypatch.setattr(arrayfiles, "MAP_FROM", 1)
    array = read(files, text, shape=(-1, 3) if "two" in text else (-1,))
    assert array.reshape(-1).tolist() == [0, 1, 2, 3, 4, 5]
    source = shared.find_source(array)
    with pytest.raises(OSError, match="Read-only file system"):
        os.open(f"/proc/self/fd/{source.descriptor}", os.O_RDWR)
    del array
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(source.descriptor)


def test_what_cannot_be_mapped_is_read(files, monkeypatch):
    monkeypatch.setattr(arrayfiles, "MAP_FROM", 1)
    np.save(files / "big.npy", np.arange(6, dtype=">f4"))
    np.save(files / "order.npy", np.asfortranarray(np.arange(6, dtype="<f4").reshape(2, 3)))
    cases = ((("@c.npz:x"), (-1,)), ("@big.npy", (-1,)), ("@order.npy", (-1, 3)))
    for text, shape in cases:
        array = read(files, text, shape=shape)
        assert array.reshape(-1).tolist() == [0, 1, 2, 3, 4, 5]
        assert array.dtype == np.dtype("<f4")
        assert shared.find_source(array) is None


def test_a_part_or_a_copy_is_not_the_file(files, monkeypatch):
    monkeypatch.setattr(arrayfiles, "MAP_FROM", 1)
    array = read(files, "@x.npy")
    for other in (array[1:], array.copy(), array + 1, array.reshape(2, 3), array.view(np.int32)):
        assert shared.find_source(other) is None


def sparse_npy(path, count):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}\n".encode()
    with path.open("wb") as file:
        file.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header)
        start = file.tell()
        file.truncate(start + 4 * count)
        file.seek(start)
        file.write(struct.pack("<f", 3))
        file.seek(start + 4 * count - 4)
        file.write(struct.pack("<f", 4))


def sparse_npz(path, count):
    """A stored member of which only the ends are there; its checksum, which nobody reads, is wrong."""
    sparse_npy(path.with_suffix(".part"), count)
    content = path.with_suffix(".part")
    size, name = content.stat().st_size, b"x.npy"
    extra = struct.pack("<HHQQ", 1, 16, size, size)
    full = struct.pack("<I", 0xFFFFFFFF) * 2
    with path.open("wb") as file:
        file.write(b"PK\3\4" + struct.pack("<HHHHHI", 45, 0, 0, 0, 33, 0) + full + struct.pack("<HH", 5, 20))
        file.write(name + extra)
        start = file.tell()
        with content.open("rb") as part:
            file.write(part.read(200))
        file.truncate(start + size)
        file.seek(start + size - 4)
        file.write(struct.pack("<f", 4))
        directory = file.tell()
        entry = b"PK\1\2" + struct.pack("<HHHHHHI", 45, 45, 0, 0, 0, 33, 0) + full
        file.write(entry + struct.pack("<HHHHHII", 5, 20, 0, 0, 0, 0, 0) + name + extra)
        length = file.tell() - directory
        end = file.tell()
        file.write(b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, length, directory))
        file.write(b"PK\6\7" + struct.pack("<IQI", 0, end, 1))
        file.write(b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, length, 0xFFFFFFFF, 0))


def sparse_safetensors(path, count):
    text = json.dumps({"x": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}).encode()
    text += b" " * (-len(text) % 4)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + struct.pack("<f", 3))
        file.truncate(8 + len(text) + 4 * count)
        file.seek(8 + len(text) + 4 * count - 4)
        file.write(struct.pack("<f", 4))


MODEL = """
import numpy as np

class Model:
    def __init__(self, state): pass
    def evaluate(self, x):
        x[1] = 5  # in this process alone
        status = open("/proc/self/status").read()
        peak = int(status.split("VmHWM:")[1].split()[0])
        return {"y": np.array([x[0], x[1], x[-1], len(x) / 2**20, peak], np.float64)}
"""

EVALUATE = """
import sys
from pathlib import Path
import numpy as np
from gitstore.run import supervisor
from gitstore.run.values.reading import read_inputs
from gitstore.run.workplace import Workplace
from gitstore.settings.loading import parse

settings = parse(b'''
name: big
types:
  evaluate:
    inputs: [{name: x, types: [f32], shape: [-1]}]
    outputs: [{name: y, types: [f64], shape: [5]}]
''')
directory = Path(sys.argv[1])
for name in sys.argv[2:]:
    inputs = read_inputs([f"x=@{name}"], settings.types.evaluate.inputs, directory=directory)
    evaluated = supervisor.evaluate(
        code=directory / "code", state=directory, settings=settings, inputs=inputs,
        workplace=Workplace(Path(sys.executable)),
    )
    # ru_maxrss begins with what the process had from which this one was forked.
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    print(*evaluated.outputs["y"].tolist(), peak)
"""


@combinations.rest
def test_files_of_many_gib_are_never_in_memory(tmp_path):
    """Of 6 GiB on a sparse file, both processes touch a few pages."""
    count = 6 * GIB // 4
    sparse_npy(tmp_path / "x.npy", count)
    sparse_npz(tmp_path / "x.npz", count)
    sparse_safetensors(tmp_path / "x.safetensors", count)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "model.py").write_text(MODEL)
    names = ["x.npy", "x.npz", "x.safetensors"]
    command = [sys.executable, "-c", textwrap.dedent(EVALUATE), str(tmp_path), *names]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in output.splitlines():
        first, second, last, mebi, worker, supervisor = map(float, line.split())
        assert (first, second, last, mebi) == (3, 5, 4, count / 2**20)
        assert max(worker, supervisor) < 250 * 1024  # KiB
    assert len(output.splitlines()) == 3
    for name in names:  # the model did not change the file
        content = np.fromfile(tmp_path / name, np.uint8, 4096).tobytes()
        assert struct.pack("<f", 5) not in content


def test_a_member_that_zipfile_can_read_too(tmp_path):
    sparse_npz(tmp_path / "x.npz", 1000)
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        assert archive.getinfo("x.npy").file_size == archive.getinfo("x.npy").compress_size
    assert workers.HERE.python
