"""The reader of .npy files: what numpy writes, and everything that a hostile file may claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.tensors.npy import MAX_HEADER, find_regions
from gitstore.tensors.readable import Region
from tests.support.archives import npy
from tests.support.tensors import InMemory, refusal

REFUSED_HEADER = "its header is not as numpy writes it"
REFUSED_SIZE = "it does not have as many bytes as its type and shape require"


def refused(content: bytes) -> str:
    return refusal(find_regions, content)


def with_header(header: str | bytes, values: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header if isinstance(header, bytes) else header.encode()
    length = len(text).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + length + text + values


def described(descr: str = "'<f4'", order: str = "False", shape: str = "(3,)", end: str = ", }  \n") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}{end}"


@pytest.mark.parametrize(
    ("dtype", "width"),
    [
        ("<f2", 2), ("<f4", 4), ("<f8", 8), (">f4", 4), ("<f16", 1),
        ("<c8", 4), ("<c16", 8), ("<c32", 1),
        ("|b1", 1), ("|i1", 1), ("<i2", 1), ("<u8", 1), (">i4", 1), ("<U3", 1), ("|S5", 1),
        ("|V2", None), ("|V7", None),
    ],
)  # fmt: skip
def test_the_width_of_each_type(dtype: str, width: int | None) -> None:
    values = np.zeros((2, 3), dtype)
    content = npy(values)
    assert find_regions(InMemory(content)) == [Region(len(content) - values.nbytes, len(content), width)]


def test_bfloat16_as_its_numpy_type_is_written() -> None:
    """ml_dtypes writes `<V2`, older releases `|V2`."""
    for descr in ("<V2", "|V2"):
        content = with_header(described(f"'{descr}'"), bytes(6))
        assert find_regions(InMemory(content)) == [Region(len(content) - 6, len(content), None)]


SHAPES = st.lists(st.integers(0, 4), max_size=5).map(tuple)


@given(
    SHAPES,
    st.sampled_from(["?", "b", "i8", "u2", "f2", "f4", "f8", "c8", "c16", "S3", "U2", "V2"]),
    st.sampled_from("CF"),
    st.sampled_from([(1, 0), (2, 0), (3, 0)]),
)
def test_what_numpy_writes_is_read(
    shape: tuple[int, ...], dtype: str, order: str, version: tuple[int, int]
) -> None:
    values = np.zeros(shape, dtype, order=order)  # type: ignore[call-overload]
    content = npy(values, version)
    regions = find_regions(InMemory(content))
    assert [(region.start, region.end) for region in regions] == (
        [(len(content) - values.nbytes, len(content))] if values.nbytes else []
    )


@pytest.mark.parametrize(
    "values",
    [
        np.array([None, {}], dtype=object),
        np.zeros(2, [("a", "<f4"), ("b", "<i2")]),
        np.zeros(2, "M8[ns]"),
    ],
)
def test_arrays_of_objects_records_and_dates_are_none(values: np.ndarray) -> None:
    assert refused(npy(values)) == REFUSED_HEADER


OTHER_TYPES = [
    "'f4'", "'=f4'", "'<f04'", "'|S0'", "'<f'", "'<f4294967296'", "'<g16'", "'<O8'", "'|O'", "'<f٤'",
    "None", "<f4", "''", '"<f4"',
]  # fmt: skip
OTHER_SHAPES = [
    "3", "[3]", "(3)", "(3L,)", "(03,)", "(3.0,)", "(-3,)", "(+3,)", "(1_0,)", "(,)",
    "(3, )", "(3,1)", "(3, 1,)", "(3,  1)", f"({10**19},)", f"({10**4000},)", "(__import__('os').abort(),)",
]  # fmt: skip
OTHER_ENDS = [", }", "}\n", ",}\n", ", }\r\n", ", }\n ", ", }\n\n", ", }\0\n", ", }\t\n", ", 'x': 1, }\n"]
OTHER_HEADERS = [
    "", "\n", "{}\n", " " + described(), described().replace("': ", "':"), described().replace("'", '"'),
    described(order="1"), described(order="false"), described(order="None"),
    "{'fortran_order': False, 'descr': '<f4', 'shape': (3,), }\n",
]  # fmt: skip


def test_a_header_in_any_other_form() -> None:
    headers = [
        *OTHER_HEADERS,
        *(described(descr) for descr in OTHER_TYPES),
        *(described(shape=shape) for shape in OTHER_SHAPES),
        *(described(end=end) for end in OTHER_ENDS),
    ]
    found = {header: refused(with_header(header, bytes(12))) for header in headers}
    assert {header for header, message in found.items() if message != REFUSED_HEADER} == set()


def test_any_number_of_spaces_behind_the_header() -> None:
    for spaces in (0, 1, 1000, MAX_HEADER - len(described(end=", }\n"))):
        content = with_header(described(end=", }" + spaces * " " + "\n"), bytes(12), b"\x02\x00")
        assert find_regions(InMemory(content)) == [Region(len(content) - 12, len(content), 4)]


REFUSED = [
    (b"", "it ends too early"),
    (b"\x93NUMPY\x01", "it ends too early"),
    (b"\x93NUMPY\x01\x00\x10", "it ends too early"),
    (b"\x93NUMPY\x01\x00\x10\x00{'descr'", "it ends too early"),
    (b"\x93NUMPY\x03\x00\x10\x00\x00", "it ends too early"),
    (b"\x93NUMPY\x01\x01" + bytes(100), "it is not an .npy file of a known version"),
    (b"\x93NUMPY\x04\x00" + bytes(100), "it is not an .npy file of a known version"),
    (b"\x92NUMPY\x01\x00" + bytes(100), "it is not an .npy file of a known version"),
    (b"\x93NUMPY\x02\x00\x01\x00\x01\x00" + bytes(100), "its header is longer than 64 KiB"),
    (b"\x93NUMPY\x03\x00\xff\xff\xff\xff" + bytes(100), "its header is longer than 64 KiB"),
    (with_header(described(), bytes(11)), REFUSED_SIZE),
    (with_header(described(), bytes(13)), REFUSED_SIZE),
    (with_header(described(shape="(0, 5)"), b"a"), REFUSED_SIZE),
    (with_header(described(shape="(9223372036854775807, 4, 9223372036854775808)")), REFUSED_SIZE),
    (with_header(described("'<U999999999'", shape="()"), bytes(4)), REFUSED_SIZE),
    (with_header(described(shape="(" + "1, " * 64 + "1)"), bytes(4)), "it has more than 64 dimensions"),
]


def test_what_is_refused() -> None:
    assert [refused(content) for content, _ in REFUSED] == [message for _, message in REFUSED]


def test_64_dimensions() -> None:
    content = with_header(described(shape="(" + "1, " * 63 + "1)"), bytes(4))
    assert find_regions(InMemory(content)) == [Region(len(content) - 4, len(content), 4)]


def test_little_is_read_of_a_large_array() -> None:
    header = with_header(described(shape="(1048576, 1024)"))
    file = InMemory(header, len(header) + 2**32)
    assert find_regions(file) == [Region(len(header), file.size, 4)]
    assert (file.asked, file.reads) == (len(header), 3)


VALID = npy(np.arange(6, dtype="<f4").reshape(2, 3))


@given(st.integers(0, len(VALID) - 1), st.binary(min_size=1, max_size=3))
def test_a_changed_byte_gives_the_same_region_or_none(at: int, new: bytes) -> None:
    content = VALID[:at] + new + VALID[at + 1 :]
    try:
        regions = find_regions(InMemory(content))
    except ValueError:
        return
    assert [(region.start, region.end) for region in regions] == [(128, len(content))]
