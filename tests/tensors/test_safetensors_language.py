"""Which headers of safetensors are accepted: by both of our readers, and by one from docs/format.md."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.tensors import safetensors as safetensors_format
from gitstore.tensors.safetensors import MAX_HEADER, read_header
from tests.support.tensors import InMemory, with_header

DIGITS = re.compile("[0-9]+")
LONE = re.compile("[\ud800-\udfff]")


class Pairs(list[tuple[str, Any]]):
    """An object of JSON, with the names that it has twice."""


def literal(text: str) -> object:
    """A number: an integer only if it has nothing but digits."""
    return int(text) if DIGITS.fullmatch(text) and len(text) < 30 else None


def constant(name: str) -> None:
    raise ValueError(name)


def described(content: bytes) -> list[tuple[int, int, str]]:
    """What the rule in docs/format.md says of a file: its tensors' places and types. A second reader."""
    length = int.from_bytes(content[:8], "little")
    assert 8 + length <= len(content) and length <= MAX_HEADER
    header, size = content[8 : 8 + length], len(content) - 8 - length
    assert not header.startswith(b"\xef\xbb\xbf")
    pairs = json.loads(
        header.decode(),
        object_pairs_hook=Pairs,
        parse_int=literal,
        parse_float=literal,
        parse_constant=constant,
    )
    assert isinstance(pairs, Pairs)
    values = named(pairs)
    if "__metadata__" in values:
        metadata = named(values.pop("__metadata__"))
        assert all(isinstance(value, str) and not LONE.search(value) for value in metadata.values())
    tensors = sorted(second_look(named(value)) for value in values.values())
    ends = [0, *(end for _, end, _ in tensors)]
    assert ends == [*(start for start, _, _ in tensors), size]
    return [(8 + length + start, 8 + length + end, dtype) for start, end, dtype in tensors]


def named(pairs: object) -> dict[str, Any]:
    assert isinstance(pairs, Pairs)
    values = dict(pairs)
    assert len(values) == len(pairs)
    assert not any(LONE.search(name) for name in values)
    return values


BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I16": 16, "F32": 32, "F64": 64, "C64": 64}


def second_look(tensor: dict[str, Any]) -> tuple[int, int, str]:
    assert tensor.keys() == {"dtype", "shape", "data_offsets"}
    dtype, shape, (start, end) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    assert isinstance(dtype, str) and not LONE.search(dtype)
    assert type(shape) is type(tensor["data_offsets"]) is list and len(shape) <= 64
    assert all(type(number) is int and number < 2**63 for number in [*shape, start, end])
    assert start <= end
    assert dtype not in BITS or 8 * (end - start) == BITS[dtype] * math.prod(shape)
    return start, end, dtype


PIECES = [
    *(bytes([byte]) for byte in b'{}[],:"\\ \n\t\x0b\0\x01\xff-+.012'),
    *(b"null", b"true", b"NaN", b"Infinity", b"e1", b".0", b"//", b"9" * 25, b"9223372036854775808"),
    *(b"\xc3\xa4", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\u0061", b"\\ud800", b"\\udc00", b"\\u", b"\\/"),
    *(b'"a"', b'"dtype"', b'"U8"', b'"F4"', b'"X"', b'"__metadata__":{"a":"b"},', b'"__metadata__":{},'),
    b',"c":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}',
]
SOUND = (
    b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},'
    b'"b":{"dtype":"F4","shape":[2,1],"data_offsets":[2,3]}}'
)
CHANGES = st.tuples(st.integers(0, len(SOUND)), st.integers(0, 3), st.sampled_from(PIECES))


@given(st.lists(CHANGES, max_size=3))
def test_all_readers_accept_the_same(changes: list[tuple[int, int, bytes]]) -> None:
    """The one that names duplicates, the one for long headers, and one from the text of the format."""
    header = SOUND
    for at, removed, inserted in changes:
        header = header[:at] + inserted + header[at + removed :]
    content = with_header(header, b"abc")
    try:
        expected = described(content)
    except (AssertionError, ValueError, RecursionError, AttributeError, TypeError):
        expected = None
    for small in (1 << 18, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(safetensors_format, "_SMALL", small)
            try:
                tensors = read_header(InMemory(content)).tensors.values()
            except ValueError:
                assert expected is None
            else:
                assert expected == [(tensor.start, tensor.end, tensor.dtype) for tensor in tensors]
