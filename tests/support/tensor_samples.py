"""One large file of each format of tensors, the same for ever: their trees are pinned."""

from __future__ import annotations

import random
import struct
import zipfile
from functools import cache
from io import BytesIO

import numpy as np

from tests.support.tensors import safetensors

TENSORS = (
    ("half", "F16", 300_001),
    ("single", "F32", 300_001),
    ("brain", "BF16", 600_001),
    ("double", "F64", 150_001),
    ("integers", "I32", 40_000),
)
"""Name, type and length of tensors, which have every width, and several parts or one."""

NAMES = ("gguf", "many", "npy", "raw", "safetensors", "zip")
"""The samples."""

_SIZES = {"F16": 2, "BF16": 2, "F32": 4, "I32": 4, "F64": 8}


@cache
def samples() -> dict[str, bytes]:
    """Return a file of each format by a name, each of at least 4 MiB."""
    return {
        "safetensors": _safetensors(),
        "many": _many_tensors(),
        "npy": _npy("<f4", "(1100, 1024)", floats("F32", 1100 * 1024)),
        "gguf": _gguf(),
        "zip": _archive(),
        "raw": b"another format" + floats("BF16", 3_000_000) + floats("F64", 300_000),
    }


def floats(dtype: str, count: int) -> bytes:
    """Return words whose exponents are close to each other. No version of numpy decides what they are."""
    raw = np.frombuffer(random.Random(f"{dtype} {count}").randbytes(8 * count), "<u8")
    near = raw >> np.uint64(61)
    if dtype == "I32":
        return near.astype("<u4").tobytes()
    bits, mask, lowest = {
        "F16": (10, 0x83FF, 8),
        "F32": (23, 0x807FFFFF, 118),
        "BF16": (23, 0x807FFFFF, 118),
        "F64": (52, 0x800FFFFFFFFFFFFF, 1015),
    }[dtype]
    words = (raw & np.uint64(mask)) | (near + np.uint64(lowest)) << np.uint64(bits)
    if dtype == "BF16":
        words >>= np.uint64(16)
    return words.astype(f"<u{_SIZES[dtype]}").tobytes()


def _safetensors() -> bytes:
    return safetensors(
        {name: (dtype, [count], floats(dtype, count)) for name, dtype, count in TENSORS}, {"format": "pt"}
    )


def _many_tensors() -> bytes:
    """More small tensors than are a part each, of two widths in turn."""
    return safetensors(
        {
            f"layer.{number}": ("F32", [1000], floats("F32", 1000))
            if number % 100 < 70
            else ("U8", [3001], bytes([number % 256]) * 3001)
            for number in range(1300)
        }
    )


def _npy(descr: str, shape: str, values: bytes) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(11 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + values


def _gguf() -> bytes:
    def string(text: str) -> bytes:
        return struct.pack("<Q", len(text)) + text.encode()

    keys = string("tokens") + struct.pack("<IIQ", 9, 8, 2) + string("a") + string("bc")
    types = {"F32": 0, "F16": 1, "I32": 26, "F64": 28, "BF16": 30}
    described, data = b"", b""
    for name, dtype, count in TENSORS:
        data += bytes(-len(data) % 32)
        described += string(name) + struct.pack("<IQIQ", 1, count, types[dtype], len(data))
        data += floats(dtype, count)
    content = b"GGUF" + struct.pack("<IQQ", 3, len(TENSORS), 1) + keys + described
    return content + bytes(-len(content) % 32) + data


def _archive() -> bytes:
    """Return what is an .npz file and, with storages of unknown types, a checkpoint of PyTorch in one."""
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in (
            ("archive/data.pkl", b"never read"),
            ("archive/data/0", floats("F32", 700_000)),
            ("array.npy", _npy("<f8", "(200001,)", floats("F64", 200_001))),
            ("archive/version", b"3\n"),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)
    return written.getvalue()
