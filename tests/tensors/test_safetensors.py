"""The header of safetensors files: good ones, and everything that a hostile one may claim."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.tensors import safetensors as safetensors_format
from gitstore.tensors.safetensors import MAX_HEADER, Header, Tensor, read_header
from tests.support import combinations
from tests.support.tensors import InMemory, Values, refusal, safetensors, with_header


def refused(content: bytes) -> str:
    return refusal(read_header, content)


def entry(dtype: Any = "U8", shape: Any = (2,), offsets: Any = (0, 2), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


def test_tensors_in_the_order_of_their_bytes() -> None:
    content = with_header(
        {
            "b": entry("F32", [], [8, 12]),
            "__metadata__": {"format": "pt"},
            "a": entry("BF16", [2, 2], [0, 8]),
        },
        bytes(12),
    )
    start = len(content) - 12
    found = read_header(InMemory(content))
    assert found == Header(
        {
            "a": Tensor("BF16", (2, 2), start, start + 8),
            "b": Tensor("F32", (), start + 8, start + 12),
        },
        {"format": "pt"},
    )
    assert list(found.tensors) == ["a", "b"]


def test_the_tensors_are_not_read() -> None:
    content = safetensors({"a": ("U8", [100_000], bytes(100_000))})
    file = InMemory(content)
    read_header(file)
    assert file.asked == len(content) - 100_000


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ({}, b""),
        ({"__metadata__": {}}, b""),
        ({"empty": entry("F32", [3, 0], [0, 0]), "a": entry(), "end": entry("I64", [0], [2, 2])}, b"ab"),
        ({"half": entry("F4", [3, 2], [0, 3])}, b"abc"),
        ({"of the future": entry("Q7", [5], [0, 2])}, b"ab"),
        ({"größe 重み": entry()}, b"ab"),
        (b'{"a": {"dtype":"U8","shape":[2],"data_offsets":[0,2]}}     ', b"ab"),
    ],
)
def test_what_is_allowed(header: object, values: bytes) -> None:
    read_header(InMemory(with_header(header, values)))


REFUSED: list[tuple[bytes, str]] = [
    (b"", "it is shorter than a header's length"),
    (b"1234567", "it is shorter than a header's length"),
    (b"\xff" * 100, "its header is longer than 16 MiB"),
    ((MAX_HEADER + 1).to_bytes(8, "little") + b"{}", "its header is longer than 16 MiB"),
    ((3).to_bytes(8, "little") + b"{}", "its header extends beyond the end of the file"),
    (with_header(b""), "its header is not JSON"),
    (with_header(b"{"), "its header is not JSON"),
    (with_header(b"{}x"), "its header is not JSON"),
    (with_header(b"\xff{}"), "its header is not JSON"),
    (with_header("{}".encode("utf-16")), "its header is not JSON"),
    (with_header(b'{"a": ' + b"[" * 200_000), "its header is not JSON"),
    (with_header(b'{"a": ' + b"9" * 5000 + b"}"), "its header is not JSON"),
    (with_header(rb'{"\ud800": 1}'), "its header is not JSON"),
    (with_header([]), "its header is not a JSON object"),
    (with_header({"a": entry(shape=[-2])}, b"ab"), "its header has a negative number"),
    (with_header({"a": entry(offsets=[-1, 1])}, b"ab"), "its header has a negative number"),
    (
        with_header(b'{"a": {"dtype":"U8","shape":[2],"data_offsets":[-0,2]}}', b"ab"),
        "its header has a negative number",
    ),
    (with_header(b'{"a": 1, "a": 2}'), "its header has 'a' twice"),
    (with_header(b'{"__metadata__": {"k": "1", "k": "2"}}'), "its header has 'k' twice"),
    (with_header({"__metadata__": []}), "its __metadata__ does not map names to texts"),
    (with_header({"__metadata__": {"a": 1}}), "its __metadata__ does not map names to texts"),
    (with_header({"a": entry()}, b"a"), "its tensor 'a' lies outside the file"),
    (with_header({"a": entry(offsets=[2, 0])}, b"ab"), "its tensor 'a' lies outside the file"),
    (with_header({"a": entry(offsets=[0, 2**62])}, b"ab"), "its tensor 'a' lies outside the file"),
    (
        with_header({"a": entry("F32")}, b"ab"),
        "its tensor 'a' does not have as many bytes as its type and shape require",
    ),
    (
        with_header({"a": entry("F4", [3], [0, 2])}, b"ab"),
        "its tensor 'a' does not have as many bytes as its type and shape require",
    ),
    (
        with_header({"a": entry(shape=[2**62] * 64)}, b"ab"),
        "its tensor 'a' does not have as many bytes as its type and shape require",
    ),
    (
        with_header({"a": entry(), "b": entry(offsets=[1, 3])}, b"abc"),
        "its tensor 'b' overlaps the one before it",
    ),
    (
        with_header({"a": entry(), "b": entry(offsets=[3, 5])}, b"abcde"),
        "its tensor 'b' begins after a gap",
    ),
    (with_header({"a": entry(offsets=[1, 3])}, b"abc"), "its tensor 'a' begins after a gap"),
    (with_header({"a": entry()}, b"abc"), "it has more bytes after its last tensor"),
    (with_header({}, b"a"), "it has more bytes after its last tensor"),
]


def test_what_is_refused() -> None:
    found = [refused(content) for content, _ in REFUSED]
    assert found == [message for _, message in REFUSED]


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        [],
        {},
        {"dtype": "U8", "shape": [2]},
        entry(dtype=8),
        entry(shape=2),
        entry(shape=[2.0]),
        entry(shape=[True, 2]),
        entry(shape=[2**63]),
        entry(shape=[1] * 65),
        entry(shape="22"),
        entry(offsets=[0]),
        entry(offsets=[0, 1, 2]),
        entry(offsets=[0.0, 2.0]),
        entry(offsets=[False, 2]),
        entry(more=1),
    ],
)
def test_a_tensor_that_is_not_described_properly(value: object) -> None:
    message = "its tensor 'a' has an invalid description"
    assert refused(with_header({"a": value}, b"ab")) == message


@pytest.mark.parametrize("zero", [b"0.0", b"0e5", b"0E0", b"0.0e1", b'"0"', b"false", b"null"])
def test_an_integer_is_written_with_digits_alone(zero: bytes) -> None:
    for offsets, shape in ((zero, b"0"), (b"0", zero)):
        header = b'{"a":{"dtype":"U8","shape":[%s],"data_offsets":[%s,0]}}' % (shape, offsets)
        assert refused(with_header(header)) == "its tensor 'a' has an invalid description"


def test_a_large_header_is_refused_without_being_built_in_memory() -> None:
    """Lists in lists, which take twenty times their bytes as objects."""
    content = with_header(b'{"a": [' + b"[]," * 1_000_000 + b"0]}")
    tracemalloc.start()
    try:
        assert refused(content) == "its tensor 'a' has an invalid description"
        assert tracemalloc.get_traced_memory()[1] < 4 * len(content)
    finally:
        tracemalloc.stop()


@combinations.sample(3)
@pytest.mark.parametrize(
    "body",
    [b'\\"', b"\\", b'"', b'" ', b'":', b"-", b"[", b"\\u", b'"":"",', b'{"":'],
)
@pytest.mark.parametrize("end", [b"", b"\\", b'"}'])
def test_hostile_texts_take_neither_time_nor_memory(body: bytes, end: bytes) -> None:
    """Quotation marks without an end, and escapes, which a regular expression might go back over."""
    content = with_header(b'{"__metadata__":{"a":"' + body * (2**17 // len(body)) + end)
    begun = time.process_time()
    tracemalloc.start()
    try:
        refused(content)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(content)
    finally:
        tracemalloc.stop()
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("item", [b'"a":{},', b'"":'])
def test_a_header_of_too_many_keys(item: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert safetensors_format.MAX_KEYS == 524_288
    monkeypatch.setattr(safetensors_format, "MAX_KEYS", 1000)
    content = with_header(b"{" + item * 1001 + b"}")
    assert refused(content) == "its header has more than 1,000 keys"


def test_a_header_of_the_largest_size_and_of_the_most_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = json.dumps({"a": entry()}).encode().ljust(MAX_HEADER)
    assert list(read_header(InMemory(with_header(largest, b"ab"))).tensors) == ["a"]
    assert refused(with_header(largest + b" ", b"ab")) == "its header is longer than 16 MiB"
    monkeypatch.setattr(safetensors_format, "MAX_KEYS", 10)
    tensors = {name: entry("U8", [0], [0, 0]) for name in "ab"}
    most = {**tensors, "__metadata__": {"colons": ':": {"not": "a key"}'}}
    assert len(read_header(InMemory(with_header(most))).tensors) == 2
    more = {**tensors, "__metadata__": {"a": "", "b": ""}}
    assert refused(with_header(more)) == "its header has more than 10 keys"


def test_a_key_that_is_twice_in_a_large_header() -> None:
    tensors = {str(number): entry("U8", [0], [0, 0]) for number in range(5000)}
    twice = b'{"7": {"dtype":"U8","shape":[0],"data_offsets":[0,0]},' + json.dumps(tensors).encode()[1:]
    assert refused(with_header(twice)) == "its header has a key twice"
    assert len(read_header(InMemory(with_header(tensors))).tensors) == 5000


def test_a_name_in_a_message_is_harmless() -> None:
    assert refused(with_header({"\x1b[31m" + "x" * 5000: 1})).startswith("its tensor '\\x1b[31mxxx")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        read_header(InMemory(content))
    except ValueError as error:
        assert "\n" not in str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["U8", "F32", "F4", "X"]) | JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(-1, 12), min_size=2, max_size=2) | JSON,
    },
)


@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), CLAIMS | JSON), st.binary(max_size=12))
def test_whatever_a_header_claims(header: dict[str, Any], values: bytes) -> None:
    """What is accepted fills the file behind the header, without gap or overlap."""
    content = with_header(json.dumps(header).encode(), values)
    try:
        found = read_header(InMemory(content))
    except ValueError as error:
        assert "\n" not in str(error)
        return
    at = len(content) - len(values)
    for tensor in found.tensors.values():
        assert tensor.start == at <= tensor.end
        at = tensor.end
    assert at == len(content)


@given(st.dictionaries(st.text(), st.binary(max_size=9), max_size=5), st.dictionaries(st.text(), st.text()))
def test_what_a_writer_writes_is_read(named: dict[str, bytes], metadata: dict[str, str]) -> None:
    named.pop("__metadata__", None)
    tensors: dict[str, Values] = {name: ("U8", [len(value)], value) for name, value in named.items()}
    content = safetensors(tensors, metadata)
    found = read_header(InMemory(content))
    assert {name: content[each.start : each.end] for name, each in found.tensors.items()} == named
    assert found.metadata == metadata
