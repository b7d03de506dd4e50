"""The reader of GGUF files: what writers write, and everything that a hostile file may claim."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.tensors import gguf as gguf_format
from gitstore.tensors.gguf import MAX_HEADER, find_regions
from gitstore.tensors.readable import Region
from tests.support.gguf import (
    ARRAY,
    BF16,
    F16,
    F32,
    F64,
    I32,
    Q8_0,
    STRING,
    UINT32,
    Info,
    aligned,
    array,
    gguf,
    header,
    text,
    u32,
    u64,
    value,
)
from tests.support.tensors import InMemory, refusal

OFFSET = "it has a tensor at an offset that is invalid or that of another tensor"
OVERLAP = "it has a tensor that overlaps another one, or is followed by more than padding"


def regions(content: bytes) -> list[tuple[int, int, int | None]]:
    """The regions, counted from the end of the padded header, which has under 1,000 bytes in these tests."""
    found = find_regions(InMemory(content))
    first = found[0].start if found else 0
    return [(start - first, end - first, width) for start, end, width in found]


def refused(content: bytes) -> str:
    return refusal(find_regions, content)


def alignment(size: int) -> bytes:
    return value(b"general.alignment", UINT32, u32(size))


def test_floats_have_their_size_and_others_extend_to_the_next() -> None:
    infos = [
        Info(F32, (3, 5), 0),
        Info(Q8_0, (32, 2), 64),
        Info(BF16, (5,), 192),
        Info(F16, (), 224),
        Info(I32, (3,), 256),
        Info(F64, (2,), 288),
    ]
    content = gguf(infos, content=bytes(320))
    start = len(content) - 320
    assert find_regions(InMemory(content)) == [
        Region(start, start + 60, 4),
        Region(start + 64, start + 192, 1),
        Region(start + 192, start + 202, 2),
        Region(start + 224, start + 226, 2),
        Region(start + 256, start + 288, 1),
        Region(start + 288, start + 304, 8),
    ]


def test_tensors_may_be_listed_in_any_order() -> None:
    infos = [Info(F32, (1,), 64), Info(99, (1,), 32), Info(F16, (1,), 0)]
    assert regions(gguf(infos, content=bytes(68))) == [(0, 2, 2), (32, 64, 1), (64, 68, 4)]


@pytest.mark.parametrize(("after", "expected"), [(0, 1), (31, 1), (32, None)])
def test_padding_behind_the_last_tensor(after: int, expected: int | None) -> None:
    content = gguf([Info(F64, (4,), 0)], content=bytes(32 + after))
    if expected is None:
        assert refused(content) == OVERLAP
    else:
        assert regions(content) == [(0, 32, 8)]


def test_a_quantised_tensor_extends_to_the_end() -> None:
    assert regions(gguf([Info(Q8_0, (32,), 0)], content=bytes(1234))) == [(0, 1234, 1)]


@pytest.mark.parametrize("size", [8, 16, 32, 64, 4096, 65536])
def test_alignment(size: int) -> None:
    infos = [Info(F16, (1,), 0), Info(F16, (1,), size)]
    content = gguf(infos, [alignment(size)], content=bytes(size + 2), alignment=size)
    assert regions(content) == [(0, 2, 2), (size, size + 2, 2)]
    assert find_regions(InMemory(content))[0].start == len(content) - size - 2


def test_empty_tensors_are_ignored_wherever_they_are() -> None:
    infos = [Info(F32, (0,), 7), Info(F32, (2,), 0), Info(Q8_0, (5, 0), 2**63), Info(F16, (2**64 - 1, 0), 0)]
    assert regions(gguf(infos, content=bytes(8))) == [(0, 8, 4)]


def test_a_file_without_tensors_may_end_anywhere() -> None:
    """A vocabulary has none."""
    for content in (header([]), aligned(header([])), aligned(header([])) + bytes(1000)):
        assert find_regions(InMemory(content)) == []


def test_values_of_every_type_are_skipped() -> None:
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    values = [
        *(value(b"k%d" % kind, kind, b"\xff" * size) for kind, size in sizes.items()),
        *(array(b"a%d" % kind, kind, [b"\xff" * size] * 3) for kind, size in sizes.items()),
        *(array(b"e%d" % kind, kind, []) for kind in (*sizes, STRING)),
        value(b"text", STRING, text(b"general.alignment")),
        array(b"texts", STRING, [text(b""), text(b"x" * 1000), text(b"\xff\0")]),
        value(b"general.alignments", STRING, text(b"64")),
        value(b"", STRING, text(b"")),
    ]
    for version in (2, 3):
        content = aligned(header([Info(F32, (1,), 0)], values, version=version)) + bytes(4)
        assert find_regions(InMemory(content)) == [Region(len(content) - 4, len(content), 4)]


def test_names_mean_nothing() -> None:
    infos = [Info(F32, (1,), 0, b""), Info(F32, (1,), 32, b""), Info(F32, (1,), 64, b"\xff" * 100)]
    assert len(regions(gguf(infos, content=bytes(96)))) == 3


ONE = [Info(F32, (2,), 0)]
TOO_EARLY = "it ends too early"
TOO_LONG = "its header is longer than 32 MiB"
COUNTS = "it has more than 131,072 tensors or 65,536 keys"
STRINGS = "its arrays have more than 1,048,576 strings"
BAD_ALIGNMENT = "its alignment is no number, or there are two"
REFUSED = [
    (b"", TOO_EARLY),
    (b"GGUF", TOO_EARLY),
    (header([])[:-1], TOO_EARLY),
    (header(ONE)[:-1], TOO_EARLY),
    (b"GGUF" + u32(1) + bytes(100), "it is not a GGUF file of a known version"),
    (b"GGUF" + u32(4) + bytes(100), "it is not a GGUF file of a known version"),
    (b"GGUF\0\0\0\3" + bytes(100), "it is not a GGUF file of a known version"),
    (b"FUGG" + u32(3) + bytes(100), "it is not a GGUF file of a known version"),
    (b"GGUF" + u32(3) + u64(2**17 + 1) + u64(0), COUNTS),
    (b"GGUF" + u32(3) + u64(2**60) + u64(0), COUNTS),
    (b"GGUF" + u32(3) + u64(0) + u64(2**16 + 1), COUNTS),
    (b"GGUF" + u32(3) + u64(0) + u64(2**64 - 1), COUNTS),
    (b"GGUF" + u32(3) + u64(2**17) + u64(2**16), TOO_EARLY),
    (header(ONE, [value(b"k", 13, b"")]), "it has a value of type 13"),
    (header(ONE, [value(b"k", 2**32 - 1, b"")]), "it has a value of type 4294967295"),
    (header(ONE, [array(b"k", ARRAY, [])]), "it has a value of type 9"),
    (header(ONE, [array(b"k", ARRAY, [u32(4) + u64(0)])]), "it has a value of type 9"),
    (header(ONE, [array(b"k", 13, [])]), "it has a value of type 13"),
    (header(ONE, [value(b"k", STRING, u64(2**40))]), TOO_LONG),
    (header(ONE, [value(b"k", STRING, u64(2**64 - 1))]), TOO_LONG),
    (header(ONE, [value(b"k", STRING, u64(1000))]), TOO_EARLY),
    (header(ONE, [value(b"k", ARRAY, u32(10) + u64(2**60))]), TOO_LONG),
    (header(ONE, [value(b"k", ARRAY, u32(0) + u64(2**60))]), TOO_LONG),
    (header(ONE, [value(b"k", ARRAY, u32(STRING) + u64(2**60))]), STRINGS),
    (header([], [value(b"k", ARRAY, u32(STRING) + u64(1000))]), TOO_EARLY),
    (header(ONE, [array(b"k", STRING, [u64(2**63)])]), TOO_LONG),
    (b"GGUF" + u32(3) + u64(0) + u64(1) + u64(2**62), TOO_LONG),
    (b"GGUF" + u32(3) + u64(1) + u64(0) + u64(2**62), TOO_LONG),
    (gguf([Info(F32, (1,) * 5, 0)], content=bytes(4)), "it has a tensor of 5 dimensions"),
    (gguf(ONE, [value(b"general.alignment", 10, u64(32))], content=bytes(8)), BAD_ALIGNMENT),
    (gguf(ONE, [alignment(32), alignment(32)], content=bytes(8)), BAD_ALIGNMENT),
    (gguf(ONE, [alignment(0)], content=bytes(8)), "its alignment is 0"),
    (gguf(ONE, [alignment(4)], content=bytes(8)), "its alignment is 4"),
    (gguf(ONE, [alignment(24)], content=bytes(8)), "its alignment is 24"),
    (gguf(ONE, [alignment(2**17)], content=bytes(8)), "its alignment is 131072"),
    (gguf([Info(F32, (2,), 32)], content=bytes(40)), "its first tensor does not follow its header"),
    (gguf([Info(Q8_0, (2,), 32)], content=bytes(40)), "its first tensor does not follow its header"),
    (header(ONE), OFFSET),
    (gguf(ONE, content=b""), OFFSET),
    (gguf([*ONE, Info(F32, (2,), 8)], content=bytes(16)), OFFSET),
    (gguf([*ONE, Info(F32, (2,), 40)], content=bytes(48)), OVERLAP),
    (gguf([Info(Q8_0, (2,), 0), Info(F32, (2,), 40)], content=bytes(48)), OFFSET),
    (gguf([*ONE, Info(F32, (2,), 0)], content=bytes(8)), OFFSET),
    (gguf([*ONE, Info(Q8_0, (2,), 0)], content=bytes(8)), OFFSET),
    (gguf([*ONE, Info(Q8_0, (2,), 32)], content=bytes(32)), OFFSET),
    (gguf([*ONE, Info(F32, (1,), 2**63)], content=bytes(8)), OVERLAP),
    (gguf([*ONE, Info(F32, (1,), 64)], content=bytes(68)), OVERLAP),
    (gguf([Info(F32, (9,), 0), Info(F32, (1,), 32)], content=bytes(64)), OVERLAP),
    (gguf(ONE, content=bytes(7)), OVERLAP),
    (gguf([Info(F32, (2**63, 2**63, 2**63, 2**63), 0)], content=bytes(8)), OVERLAP),
    (gguf([Info(F16, (2**63 + 4,), 0)], content=bytes(8)), OVERLAP),
]


def test_what_is_refused() -> None:
    assert [refused(content) for content, _ in REFUSED] == [message for _, message in REFUSED]


def test_the_strings_of_all_arrays_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gguf_format.MAX_STRINGS == 1_048_576
    monkeypatch.setattr(gguf_format, "MAX_STRINGS", 6)
    single = value(b"single", STRING, text(b"a"))
    for count in (1, 3, 4):
        arrays = [array(b"%d" % number, STRING, [text(b"a")] * count) for number in range(2)]
        content = gguf(ONE, [*arrays, *[single] * 9], content=bytes(8))
        if count <= 3:
            assert regions(content) == [(0, 8, 4)]
        else:
            assert refused(content) == "its arrays have more than 6 strings"


def test_a_header_of_the_largest_size() -> None:
    """With the tensors behind it: one byte more is refused."""
    frame = len(header(ONE, [value(b"k", STRING, text(b""))]))
    for more in (0, 1):
        padding = value(b"k", STRING, text(bytes(MAX_HEADER - frame + more)))
        content = gguf(ONE, [padding], content=bytes(8))
        if more:
            assert refused(content) == TOO_LONG
        else:
            assert find_regions(InMemory(content)) == [Region(MAX_HEADER, MAX_HEADER + 8, 4)]


def crowded(scale: int) -> list[bytes]:
    """Files with as many strings, keys and tensors as may be, over `scale`."""
    return [
        gguf(ONE, [array(b"k", STRING, [text(b"")] * (2**20 // scale))], content=bytes(8)),
        gguf(ONE, [value(b"", 0, b"\0")] * (2**16 // scale), content=bytes(8)),
        gguf([Info(Q8_0, (1,), 32 * n) for n in range(2**17 // scale)], content=bytes(2**22 // scale)),
    ]


def test_many_strings_keys_and_tensors_are_read_in_bounded_time() -> None:
    for content in crowded(4):
        begun = time.process_time()
        assert find_regions(InMemory(content))
        assert time.process_time() - begun < 5


def test_nothing_is_built_in_memory_of_strings_and_keys() -> None:
    for content in crowded(64)[:2]:
        tracemalloc.start()
        try:
            assert find_regions(InMemory(content))
            assert tracemalloc.get_traced_memory()[1] < 3 * len(content) + 2**17
        finally:
            tracemalloc.stop()


def test_little_is_read_of_a_large_file() -> None:
    infos = [Info(F32, (1024, 4096), 2**24 * number, b"blk.%d.weight" % number) for number in range(300)]
    vocabulary = array(b"tokens", STRING, [text(b"token %d" % number) for number in range(10_000)])
    front = aligned(header(infos, [vocabulary]))
    file = InMemory(front + bytes(2**20), len(front) + 300 * 2**24)
    found = find_regions(file)
    assert found[0] == Region(len(front), len(front) + 2**24, 4)
    assert found[-1].end == file.size
    assert file.reads < 8
    assert file.asked < 2 * len(front) + 2**16


@given(
    st.lists(st.tuples(st.sampled_from([F32, F16, F64, BF16]), st.integers(0, 40)), max_size=6),
    st.sampled_from([8, 32, 64]),
    st.randoms(),
    st.booleans(),
)
def test_what_a_writer_writes_is_read(
    tensors: list[tuple[int, int]], align: int, order: object, padded: bool
) -> None:
    content, infos, expected = b"", [], []
    for kind, count in tensors:
        size = count * {F32: 4, F16: 2, F64: 8, BF16: 2}[kind]
        content = aligned(content, align)
        infos.append(Info(kind, (count,), len(content)))
        expected += [(len(content), len(content) + size)] if size else []
        content += b"\1" * size
    order.shuffle(infos)  # type: ignore[attr-defined]
    whole = gguf(infos, [alignment(align)], content=content, alignment=align)
    start = len(whole) - len(content)
    found = find_regions(InMemory(aligned(whole, align) if padded else whole))
    assert [(region.start - start, region.end - start) for region in found] == expected
