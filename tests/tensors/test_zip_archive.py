"""The reader of zip archives: what numpy and PyTorch write, and everything that a hostile one may claim."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gitstore.tensors.readable import Region
from gitstore.tensors.zip_archive import find_regions
from tests.support.archives import WIDE, End, Entry, archive, npy, npz, pytorch, zip64_record
from tests.support.tensors import InMemory, refusal

OVERLAP = "it has a member that overlaps another one or contradicts the directory"
NO_HEADER = "it has a member without a header"
TOO_EARLY = "it ends too early"

A = Entry(b"a", b"some bytes")
B = Entry(b"b/c", b"others")


def contents(content: bytes) -> list[tuple[bytes, int | None]]:
    """The bytes of each region, and its width."""
    return [(content[region.start : region.end], region.width) for region in find_regions(InMemory(content))]


def refused(content: bytes) -> str:
    return refusal(find_regions, content)


def test_an_archive_of_numpy() -> None:
    half, double, empty = np.arange(5, dtype="<f2"), np.arange(4.0).reshape(2, 2), np.zeros((0, 3))
    objects, integers = np.array([None, {}], dtype=object), np.arange(3, dtype="<i2")
    content = npz(half=half, empty=empty, objects=objects, double=double, integers=integers)
    assert contents(content) == [
        (half.tobytes(), 2),
        (npy(objects), None),
        (double.tobytes(), 8),
        (integers.tobytes(), 1),
    ]


def test_a_compressed_archive_of_numpy_has_no_regions(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(1000))
    assert contents((tmp_path / "x.npz").read_bytes()) == []


MEMBERS = {
    "data.pkl": b"\x80\x02}.",
    "byteorder": b"little",
    "data/0": bytes(range(200)),
    "data/1": b"",
    "data/2": bytes(64),
    "version": b"3\n",
}


def test_a_checkpoint_of_pytorch() -> None:
    content = pytorch(MEMBERS)
    assert contents(content) == [(member, None) for member in MEMBERS.values() if member]
    assert [region.start % 64 for region in find_regions(InMemory(content))] == [0] * 5


def test_the_imitation_of_pytorch_is_an_archive() -> None:
    """It was compared with torch.save of PyTorch 2.13, byte by byte."""
    with zipfile.ZipFile(io.BytesIO(pytorch(MEMBERS))) as read:
        assert read.testzip() is None
        assert {name: read.read(f"archive/{name}") for name in MEMBERS} == MEMBERS


def test_the_same_storage_lies_in_the_same_region_whatever_the_archive_is_called() -> None:
    assert contents(pytorch(MEMBERS, name="a")) == contents(pytorch(MEMBERS, name="a-much-longer-name" * 9))


class Pipe(io.BytesIO):
    """Where nobody can go back: zipfile then writes sizes behind each member."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError("a pipe has no position")


def test_stored_and_compressed_members_of_zipfile() -> None:
    for buffer in (io.BytesIO(), Pipe()):
        with zipfile.ZipFile(buffer, "w") as written:
            written.mkdir("directory")
            written.writestr("stored", b"stored")
            written.writestr("empty", b"")
            written.writestr("deflated", bytes(1000), zipfile.ZIP_DEFLATED)
            written.writestr("a/ä", b"another")
            written.writestr("bzip2", bytes(1000), zipfile.ZIP_BZIP2)
        assert contents(buffer.getvalue()) == [(b"stored", None), (b"another", None)]


def test_an_encrypted_member_is_no_region() -> None:
    assert contents(archive([A, replace(B, flags=1, size=3)])) == [(b"some bytes", None)]


def test_members_need_not_be_listed_in_the_order_of_their_bytes() -> None:
    listed = [replace(A, offset=41), replace(A, offset=0)]
    assert contents(archive(listed)) == [(b"some bytes", None)] * 2


def test_a_member_that_is_almost_an_npy_file() -> None:
    valid = npy(np.arange(3, dtype="<f4"))
    for content in (valid + b"\0", valid[:-1], valid[:20], valid[:7], b"\x93NUMPY", b"\0" + valid):
        assert contents(archive([Entry(b"a", content), B])) == [(content, None), (b"others", None)]


def test_an_npy_file_far_behind_the_beginning_of_its_member() -> None:
    values = np.arange(3, dtype="<f4")
    for entry in (
        Entry(b"n" * 5000, npy(values)),
        Entry(b"n", npy(values), local_extra=bytes(60_000)),
        Entry(b"n" * 470, npy(values)),
    ):
        content = archive([B, entry, A])
        assert contents(content) == [(b"others", None), (values.tobytes(), 4), (b"some bytes", None)]


def test_sizes_of_64_bits() -> None:
    """Only the directory counts; the header's own sizes are those of a pipe, or wrong."""
    wide = replace(A, size=WIDE, packed=WIDE, offset=WIDE, extra=zip64_record(10, 10, 0))
    assert contents(archive([wide, B])) == [(b"some bytes", None), (b"others", None)]


REFUSED = [
    (archive([replace(A, magic=b"PK\x03\x05")]), OVERLAP),
    (archive([replace(A, local_method=8)]), OVERLAP),
    (archive([replace(A, method=8, local_method=0)]), OVERLAP),
    (archive([replace(A, size=11, packed=11)]), OVERLAP),
    (archive([replace(A, size=11, packed=11), B]), OVERLAP),
    (archive([replace(A, size=11, packed=11, method=8), B]), OVERLAP),
    (archive([replace(A, size=WIDE, packed=WIDE, extra=zip64_record(2**63, 2**63)), B]), OVERLAP),
    (archive([A, replace(A, offset=0)]), NO_HEADER),
    (archive([A, replace(A, offset=1)]), NO_HEADER),
    (archive([A, replace(A, offset=30)]), OVERLAP),
    (archive([A, replace(A, offset=42)]), OVERLAP),
    (archive([A, replace(A, offset=70)]), NO_HEADER),
    (archive([A, replace(A, offset=100)]), NO_HEADER),
    (archive([A, replace(A, offset=1000)]), TOO_EARLY),
    (archive([A, replace(A, offset=WIDE, extra=zip64_record(2**63))]), TOO_EARLY),
    (archive([Entry(b"", b"")], End(offset=0))[30:], NO_HEADER),
]


def test_what_is_refused() -> None:
    assert [refused(content) for content, _ in REFUSED] == [message for _, message in REFUSED]


def test_at_most_two_reads_a_member() -> None:
    values = npy(np.zeros(300))
    file = InMemory(archive([Entry(b"member %d" % number, values) for number in range(1000)]))
    assert len(find_regions(file)) == 1000
    assert file.reads <= 1002
    odd = InMemory(pytorch({f"{'n' * 500}/{number}": bytes(1000) for number in range(1000)}))
    assert len(find_regions(odd)) == 1000
    assert odd.reads <= 2002


class Sparse(InMemory):
    """A file with many zeros in its middle."""

    def __init__(self, front: bytes, rest: bytes, *, zeros: int) -> None:
        super().__init__(front, len(front) + zeros + len(rest))
        self.rest = rest

    def read(self, offset: int, length: int) -> bytes:
        behind = offset - (self.size - len(self.rest))
        return (
            self.rest[behind : behind + length]
            if behind >= 0
            else super().read(offset, length).ljust(length, b"\0")
        )


def test_little_is_read_of_a_large_member() -> None:
    size, name = 5 * 2**30, b"archive/data/0"
    front = archive([Entry(name, b"")])[: 30 + len(name)]
    entry = Entry(name, b"", size=WIDE, packed=WIDE, extra=zip64_record(size, size))
    directory = len(front) + size
    locator = directory + 46 + len(name) + len(entry.extra)
    end = End(zip64=True, offset=WIDE, wide_offset=directory, locator_offset=locator)
    file = Sparse(front, archive([entry], end)[len(front) :], zeros=size)
    assert find_regions(file) == [Region(len(front), directory, None)]
    assert file.reads < 6
    assert file.asked < 2000


@given(
    st.lists(st.tuples(st.binary(max_size=70), st.booleans(), st.binary(max_size=9)), max_size=6),
    st.sampled_from([1, 64]),
    st.booleans(),
)
def test_what_a_writer_writes_is_read(
    members: list[tuple[bytes, bool, bytes]], alignment: int, zip64: bool
) -> None:
    entries = [
        Entry(name, content, method=0 if stored else 8, alignment=alignment)
        for content, stored, name in members
    ]
    expected = [(content, None) for content, stored, _ in members if stored and content]
    assert contents(archive(entries, End(zip64=zip64))) == expected
