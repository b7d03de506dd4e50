"""Files of tensors of each format, valid and with some bytes changed, as hypothesis thinks of them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.support.content import KIB

lengths = st.sampled_from([0, 1, 2, 5, 64]) | st.integers(0, 300)

# safetensors

dtypes = st.sampled_from(["F16", "BF16", "F32", "F64", "C64", "U8", "I16", "F4", "F6_E2M3", "F8_E4M3", "NEW"])
_BITS = {"F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64, "I16": 16, "F4": 4, "F6_E2M3": 6}
texts = st.text(max_size=5) | st.sampled_from(["__metadata__", "dtype", "a", "\u20ac", '"\\'])
plain_shapes = st.lists(st.integers(1, 6), max_size=3)
odd_shapes = st.sampled_from([[0], [0, 3], [1] * 64, [1] * 65, [0, 2**63], [0, 2**63 - 1]])
shapes = st.integers(0, 9).flatmap(lambda draw: plain_shapes if draw else odd_shapes)
numbers = st.sampled_from(
    ["-0", "1.0", "1e1", "01", "9223372036854775807", "9223372036854775808", "8", "true"]
)


@st.composite
def safetensors(draw: st.DrawFn) -> bytes:
    """A file with tensors in any order, some of whose descriptions may be wrong."""
    header: dict[str, Any] = {}
    end = 0
    for name in draw(st.lists(texts.filter(lambda name: name != "__metadata__"), max_size=5, unique=True)):
        dtype, shape = draw(dtypes), draw(shapes)
        size = int(np.prod(shape, dtype=object)) * _BITS.get(dtype, 8) // 8
        size = size if size < 10_000 else 0
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    if draw(st.booleans()):
        header["__metadata__"] = draw(st.dictionaries(texts, texts, max_size=2))
    for value in [value for name, value in header.items() if name != "__metadata__"]:
        if draw(st.integers(0, 31)) == 31:
            _spoil(draw, value)
    items = draw(st.permutations(list(header.items())))
    text = json.dumps(dict(items), ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.just(0)))
    text = _spoil_text(draw, text)
    encoded = text.encode(errors="surrogatepass") + b" " * draw(st.sampled_from([0, 0, 0, 7, 260 * KIB]))
    return len(encoded).to_bytes(8, "little") + encoded + b"v" * (end + draw(st.sampled_from([0] * 19 + [1])))


def _spoil(draw: st.DrawFn, value: dict[str, Any]) -> None:
    key = draw(st.sampled_from(["dtype", "shape", "data_offsets", "more"]))
    value[key] = draw(
        st.sampled_from([0, None, "F32", [0, 0], [1, 0], [0, 4], [0], [0, 0, 0], [True, 1], {}])
    )


def _spoil_text(draw: st.DrawFn, text: str) -> str:
    """Replace a character, or some, by what JSON has another meaning for, or none."""
    if not text or draw(st.integers(0, 7)):
        return text
    at, length = draw(st.integers(0, len(text) - 1)), draw(st.integers(0, 2))
    odd = st.sampled_from(
        ["\ud800", "\\ud800", "\\ud83d\\ude00", "\ufeff", "\0", "\t", "/**/", ",", "{", "NaN", " "]
    )
    copied = draw(st.integers(0, len(text) - 1))
    return text[:at] + draw(odd | numbers | st.just(text[copied : copied + 30])) + text[at + length :]


# npy

descriptions = st.sampled_from(
    [
        "<f2",
        "<f4",
        ">f4",
        "<f8",
        "<c8",
        "<c16",
        "|u1",
        "<i4",
        "|b1",
        "<U3",
        "|S5",
        "|V2",
        "<f3",
        "|O",
        "=f4",
        "<M8",
    ]
)


@st.composite
def npy(draw: st.DrawFn) -> bytes:
    descr, shape = draw(descriptions), tuple(draw(shapes))
    size = int(np.prod(shape, dtype=object)) * int(descr[2:] or 8) * (4 if descr[1] == "U" else 1)
    order, end = draw(st.booleans()), draw(st.sampled_from(["\n"] * 7 + [" " * 60 + "\n", "", "\n\n", " "]))
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}{end}".encode()
    version = draw(st.sampled_from([1, 2, 3]))
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + b"v" * (size if size < 10_000 else 0)


# GGUF

gguf_types = st.sampled_from([0, 1, 28, 30, 2, 14, 24])
_GGUF_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def _string(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


@st.composite
def gguf_values(draw: st.DrawFn) -> bytes:
    """The type of a value, and the value."""
    kind = draw(st.sampled_from([*_GGUF_SIZES, 8, 9, 9, 13]))
    if kind == 8:
        return struct.pack("<I", kind) + _string(b"text")
    if kind != 9:
        return struct.pack("<I", kind) + bytes(_GGUF_SIZES.get(kind, 1))
    inner, count = draw(st.sampled_from([4, 7, 8, 12, 4, 7, 8, 12, 9, 13])), draw(st.integers(0, 3))
    value = _string(b"ab") if inner == 8 else bytes(_GGUF_SIZES.get(inner, 1))
    return struct.pack("<IIQ", kind, inner, count) + value * count


@st.composite
def gguf(draw: st.DrawFn) -> bytes:
    alignment = draw(st.sampled_from([None] * 6 + [8, 64, 64, 4096, 65_536, 4, 24]))
    keys = [_string(b"general.name") + draw(gguf_values()) for _ in range(draw(st.integers(0, 3)))]
    if alignment is not None:
        keys.append(_string(b"general.alignment") + struct.pack("<II", 4, alignment))
    step = alignment or 32
    tensors, data = [], b""
    for _ in range(draw(st.integers(0, 4))):
        shape, kind = draw(st.lists(st.integers(0, 6), max_size=4)), draw(gguf_types)
        data += bytes(-len(data) % step)
        fields = struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        tensors.append(_string(b"tensor") + fields)
        data += b"v" * (int(np.prod(shape)) * {0: 4, 1: 2, 28: 8, 30: 2}.get(kind, 1))
    version = draw(st.sampled_from([3] * 6 + [2, 2, 1, 4]))
    content = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    content += b"".join([*keys, *draw(st.permutations(tensors))])
    padding = -len(data) % step if draw(st.booleans()) else 0
    return content + bytes(-len(content) % step) + data + bytes(padding)


# zip archives


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """An archive as numpy and PyTorch write them, and with members that are deflated or empty."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for number in range(draw(st.integers(1, 4))):
            info = zipfile.ZipInfo(f"archive/data/{number}")
            info.compress_type = draw(st.sampled_from([zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED]))
            info.extra = draw(st.sampled_from([b"", b"", b"", b"FB\3\0ZZZ", b"\2\0\0\0", b"FB"]))
            content = draw(npy() | st.binary(max_size=20) | st.just(b"") | mutated(npy()))
            with archive.open(info, "w", force_zip64=draw(st.booleans())) as member:
                member.write(content)
        archive.comment = draw(st.sampled_from([b""] * 7 + [b"comment"]))
    content = written.getvalue()
    return _widen(draw, content) if draw(st.booleans()) else content


def _widen(draw: st.DrawFn, content: bytes) -> bytes:
    """Add the records of ZIP64, as PyTorch always does, and set fields of the end record to all ones."""
    end = content.rindex(b"PK\5\6")
    _, _, count, _, size, offset, _ = struct.unpack("<4sLHHLLH", content[end : end + 22])
    wide = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    fields = [
        draw(st.sampled_from([value, ones])) for value, ones in ((size, 2**32 - 1), (offset, 2**32 - 1))
    ]
    members = draw(st.sampled_from([count, 0xFFFF]))
    return (
        content[:end] + wide + locator + struct.pack("<4sLHHLLH", b"PK\5\6", 0, members, members, *fields, 0)
    )


# All of them

_INTERESTING = (0, 1, 2, 8, 0xFF, 0xFFFF, 0xFFFFFFFF, 2**63, 2**64 - 1)


@st.composite
def mutated(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """A file with some numbers changed, and bytes added or taken away, near its ends or anywhere."""
    content = bytearray(draw(files))
    for _ in range(draw(st.integers(1, 3))):
        last = max(len(content) - 1, 0)
        at = draw(
            st.integers(0, last) | st.integers(0, min(last, 40)) | st.integers(max(0, last - 160), last)
        )
        width = draw(st.sampled_from([1, 2, 4, 8]))
        number = int.from_bytes(content[at : at + width], "little")
        changed = draw(st.sampled_from([*_INTERESTING, number + 1, max(number - 1, 0), number ^ 0x10]))
        change = draw(st.sampled_from(["number", "number", "number", "insert", "delete", "cut"]))
        field = (changed % 2 ** (8 * width)).to_bytes(width, "little")
        if change == "cut":
            del content[at:]
        else:
            content[at : at + (0 if change == "insert" else width)] = b"" if change == "delete" else field
    return bytes(content)


valid = {"safetensors": safetensors(), "npy": npy(), "gguf": gguf(), "zip": archives()}
