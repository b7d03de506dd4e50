"""Where the tensors of a file lie, for every format that is recognised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.tensors.regions import Region, find_regions
from tests.support import combinations
from tests.support.archives import WIDE, End, Entry, archive, npy, npz, pytorch, zip64_record
from tests.support.gguf import ARRAY, BF16, F32, Q8_0, STRING, UINT32, Info, array, gguf, text, u32, value
from tests.support.tensors import InMemory, safetensors, with_header


def test_safetensors() -> None:
    content = safetensors(
        {
            "half": ("BF16", [2], b"abcd"),
            "empty": ("F32", [0], b""),
            "complex": ("C64", [1], b"abcdefgh"),
            "integer": ("I16", [1], b"ab"),
        },
        {"format": "pt"},
    )
    start = len(content) - 14
    assert find_regions(InMemory(content)) == [
        Region(start, start + 4, 2),
        Region(start + 4, start + 12, 4),
        Region(start + 12, start + 14, 1),
    ]


@pytest.mark.parametrize(
    ("dtype", "size", "width"),
    [
        ("F16", 2, 2), ("BF16", 2, 2), ("F32", 4, 4), ("F64", 8, 8), ("C64", 8, 4),
        ("I64", 8, 1), ("U16", 2, 1), ("BOOL", 1, 1), ("F8_E4M3", 1, 1),
        ("F32X", 4, 1), ("f32", 4, 1), ("", 2, 1),
    ],
)  # fmt: skip
def test_the_width_of_each_type_of_safetensors(dtype: str, size: int, width: int) -> None:
    regions = find_regions(InMemory(safetensors({"a": (dtype, [1], bytes(size))})))
    assert regions is not None
    assert [region.width for region in regions] == [width]


VALUES = np.arange(64, dtype="<f4")
SINGLE = Entry(b"data/0", b"some bytes", size=WIDE, packed=WIDE, extra=zip64_record(10, 10))
MEMBERS = {"data.pkl": b"\x80\x02}.", "data/0": bytes(100), "data/1": bytes(10), "version": b"3\n"}
VALID = {
    "safetensors": safetensors({"a": ("F32", [2], bytes(8)), "b": ("BF16", [3], bytes(6))}, {"format": "pt"}),
    "npy": npy(VALUES),
    "npz": npz(a=VALUES, b=VALUES.astype("<f8"), c=np.arange(3)),
    "pytorch": pytorch(MEMBERS),
    "zip64": archive([SINGLE, Entry(b"a.npy", npy(VALUES))], End(zip64=True, offset=WIDE, size=WIDE)),
    "gguf": gguf(
        [Info(F32, (2, 2), 0), Info(Q8_0, (32,), 64), Info(BF16, (5,), 128)],
        [
            value(b"general.alignment", UINT32, u32(64)),
            value(b"name", STRING, text(b"model")),
            array(b"tokens", STRING, [text(b"a"), text(b"bc"), text(b"")]),
            value(b"scores", ARRAY, u32(6) + (3).to_bytes(8, "little") + bytes(12)),
        ],
        content=bytes(160),
        alignment=64,
    ),
}
COUNTS = {"safetensors": 2, "npy": 1, "npz": 3, "pytorch": 4, "zip64": 2, "gguf": 3}


def check(content: bytes) -> list[Region] | None:
    """Find the regions, which must be in order, within the file, and the same a second time."""
    regions = find_regions(InMemory(content))
    at = 0
    for region in regions or ():
        assert at <= region.start < region.end <= len(content)
        assert region.width in (1, 2, 4, 8, None)
        at = region.end
    assert find_regions(InMemory(content)) == regions
    return regions


@pytest.mark.parametrize("name", VALID)
def test_each_format_is_recognised_by_its_bytes(name: str) -> None:
    regions = check(VALID[name])
    assert regions is not None
    assert len(regions) == COUNTS[name]


def test_what_is_no_file_of_tensors() -> None:
    for content in (b"", b"PK", b"PK\x03\x04", b"GGUF", b"\x93NUMPY", with_header({}, b"a"), bytes(1000)):
        assert find_regions(InMemory(content)) is None


def test_a_file_of_tensors_may_have_none() -> None:
    for content in (with_header({}), npy(np.zeros(0)), gguf([], content=b""), npz(a=np.zeros(0))):
        assert find_regions(InMemory(content)) == []


@pytest.mark.parametrize("name", VALID)
def test_a_file_that_is_cut_off_anywhere_or_has_more_bytes(name: str) -> None:
    """Only padding may be missing or more, as GGUF has it behind the last tensor."""
    content = VALID[name]
    for size in range(len(content)):
        regions = check(content[:size])
        if name != "gguf":
            assert regions is None, size
    assert check(content + bytes(64)) is None


@pytest.mark.parametrize("name", VALID)
def test_a_file_that_becomes_shorter_while_it_is_read(name: str) -> None:
    content = VALID[name]
    for length in range(len(content)):
        find_regions(InMemory(content[:length], len(content)))


@combinations.sample(2)
@pytest.mark.parametrize("name", VALID)
def test_a_changed_bit_never_raises(name: str) -> None:
    content = bytearray(VALID[name])
    for at in range(len(content)):
        for bit in (0, 3, 7):
            content[at] ^= 1 << bit
            check(bytes(content))
            content[at] ^= 1 << bit


MAGICS = [b"", b"\x93NUMPY\x01\x00", b"GGUF\x03\0\0\0", b"PK\x03\x04", b"\x02\0\0\0\0\0\0\0{}"]
WORDS = st.sampled_from([0, 1, 2, 4, 8, 9, 2**16, 2**31, 2**32 - 1, 2**63, 2**64 - 1]) | st.integers(0, 100)
NUMBERS = st.tuples(WORDS, st.sampled_from([1, 2, 4, 8])).map(
    lambda pair: (pair[0] % 256 ** pair[1]).to_bytes(pair[1], "little")
)


@given(
    st.sampled_from(MAGICS),
    st.binary(max_size=200),
    st.lists(NUMBERS, max_size=30),
    st.sampled_from([b"", archive([]), archive([], End(zip64=True))]),
)
def test_any_bytes_have_regions_or_none(
    magic: bytes, random: bytes, numbers: list[bytes], end: bytes
) -> None:
    check(magic + random + end)
    check(magic + b"".join(numbers) + end)


CHANGES = st.tuples(st.floats(0, 1), st.integers(0, 8), NUMBERS)


@given(st.sampled_from(sorted(VALID)), st.lists(CHANGES))
def test_a_valid_file_with_changes_has_regions_or_none(
    name: str, changes: list[tuple[float, int, bytes]]
) -> None:
    content = VALID[name]
    for place, removed, inserted in changes:
        at = int(place * len(content))
        content = content[:at] + inserted + content[at + removed :]
    check(content)
