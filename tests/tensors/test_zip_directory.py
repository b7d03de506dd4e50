"""The reader of zip directories: records at the end, ZIP64, and everything that a hostile one may claim."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from dataclasses import replace

import pytest

from gitstore.tensors import zip_directory
from gitstore.tensors.zip_directory import MAX_DIRECTORY, Directory, Member, find_directory, read_members
from tests.support import combinations
from tests.support.archives import WIDE, End, Entry, archive, zip64_record
from tests.support.tensors import InMemory, refusal

END = "it does not end with the end record of an archive on one disk"
PLACE = "its directory does not end where the end records begin"
LOCATOR = "its ZIP64 record is not in front of its locator"
DISKS = "it is on more than one disk"
DIFFER = "its end records differ"
ENTRY = "its directory has an entry that is none"
NO_RECORD = "it has a member without the ZIP64 record that it needs"
CUT_OFF = "it has an extra field that is cut off"
SIZES = "it has a stored member of two sizes"

A = Entry(b"a", b"some bytes")
B = Entry(b"b/c", b"others", comment=b"a comment", extra=b"\x0a\0\x02\0ab")
WIDE_END = End(zip64=True)


def read_file(file: InMemory) -> list[Member]:
    return list(read_members(file, find_directory(file)))


def read(content: bytes) -> list[Member]:
    return read_file(InMemory(content))


def refused(content: bytes) -> str:
    return refusal(read_file, content)


@pytest.mark.parametrize("zip64", [False, True])
def test_members_in_the_order_of_the_directory(zip64: bool) -> None:
    content = archive([A, replace(B, flags=1, method=99)], End(zip64=zip64))
    assert read(content) == [Member(0, 10, 0, False), Member(30 + 1 + 10, 6, 99, True)]


@pytest.mark.parametrize("zip64", [False, True])
def test_an_archive_may_be_empty(zip64: bool) -> None:
    content = archive([], End(zip64=zip64))
    assert find_directory(InMemory(content)) == Directory(0, 0, 0)
    assert read(content) == []


def test_the_end_record_may_leave_its_fields_to_zip64() -> None:
    for end in (
        replace(WIDE_END, members=0xFFFF),
        replace(WIDE_END, size=WIDE),
        replace(WIDE_END, offset=WIDE),
        replace(WIDE_END, members=0xFFFF, size=WIDE, offset=WIDE),
    ):
        assert len(read(archive([A, B], end))) == 2


@pytest.mark.parametrize(
    ("claims", "record", "expected"),
    [
        ({"size": WIDE, "packed": WIDE}, (10, 10), Member(0, 10, 0, False)),
        ({"size": WIDE}, (10,), Member(0, 10, 0, False)),
        ({"packed": WIDE}, (10,), Member(0, 10, 0, False)),
        ({"offset": WIDE}, (2**40,), Member(2**40, 10, 0, False)),
        ({"size": WIDE, "packed": WIDE, "offset": WIDE}, (2**40, 2**40, 5), Member(5, 2**40, 0, False)),
        ({"size": WIDE, "packed": WIDE}, (WIDE, WIDE), Member(0, WIDE, 0, False)),
        ({"offset": WIDE}, (7, 8, 9), Member(7, 10, 0, False)),
        ({"offset": 3}, (7, 8, 9), Member(3, 10, 0, False)),
    ],
)
def test_values_of_64_bits(claims: dict[str, int], record: tuple[int, ...], expected: Member) -> None:
    """In the order size, packed size, offset; those that fit in 32 bits are left out."""
    for extra in (zip64_record(*record), b"\x0a\0\x02\0ab" + zip64_record(*record) + b"\x0b\0\0\0"):
        assert read(archive([replace(A, extra=extra, **claims)])) == [expected]  # type: ignore[arg-type]


def test_an_extra_field_is_not_looked_at_without_need() -> None:
    assert len(read(archive([replace(A, extra=b"\x01"), replace(A, extra=zip64_record(1) * 2)]))) == 2


REFUSED = [
    (b"", "it is shorter than an end record"),
    (archive([])[:-1], "it is shorter than an end record"),
    (archive([A])[:-1], END),
    (archive([A]) + b"\0", END),
    (archive([A], End(comment=b"x")), END),
    (archive([A], End(comment_length=1)), END),
    (archive([A], End(disk=1)), END),
    (archive([A], End(first_disk=1)), END),
    (archive([A], End(here=0)), END),
    (b"x" + archive([A]), PLACE),
    (archive([A], End(between=b"x")), PLACE),
    (archive([A], End(size=48)), PLACE),
    (archive([A], End(size=46)), PLACE),
    (archive([A], End(offset=40)), PLACE),
    (archive([A], End(offset=42)), PLACE),
    (archive([A], End(offset=WIDE)), PLACE),
    (archive([A], End(offset=WIDE, size=WIDE, members=0xFFFF)), PLACE),
    (archive([A], End(members=2)), "its directory lists fewer members than its end record says"),
    (archive([A], End(members=0xFFFF)), "its directory lists fewer members than its end record says"),
    (archive([A, B], End(members=1)), "its directory has more bytes than its members need"),
    (archive([A], End(members=0)), "its directory has more bytes than its members need"),
    (archive([replace(A, entry_magic=b"PK\x01\x03")]), ENTRY),
    (archive([replace(A, disk=1)]), ENTRY),
    (archive([replace(A, disk=0xFFFF)]), ENTRY),
    (archive([replace(A, size=9)]), SIZES),
    (archive([replace(A, packed=9)]), SIZES),
    (archive([replace(A, size=WIDE, extra=zip64_record(9))]), SIZES),
    (archive([replace(A, size=WIDE)]), NO_RECORD),
    (archive([replace(A, offset=WIDE, extra=b"\x02\0\x08\0" + bytes(8))]), NO_RECORD),
    (archive([replace(A, offset=WIDE, extra=zip64_record())]), NO_RECORD),
    (archive([replace(A, offset=WIDE, extra=b"\x01\0\x07\0" + bytes(7))]), NO_RECORD),
    (archive([replace(A, size=WIDE, packed=WIDE, extra=zip64_record(10))]), NO_RECORD),
    (archive([replace(A, offset=WIDE, extra=zip64_record(1) * 2)]), NO_RECORD),
    (archive([replace(A, offset=WIDE, extra=zip64_record(1)[:-1])]), CUT_OFF),
    (archive([replace(A, offset=WIDE, extra=zip64_record(1) + b"\0\0\0")]), CUT_OFF),
    (archive([replace(A, offset=WIDE, extra=b"\x02\0\xff\xff" + zip64_record(1))]), CUT_OFF),
    (archive([A], replace(WIDE_END, wide_magic=b"PK\x06\x05")), LOCATOR),
    (archive([A], replace(WIDE_END, wide_length=45)), LOCATOR),
    (archive([A], replace(WIDE_END, locator_offset=0)), LOCATOR),
    (archive([A], replace(WIDE_END, locator_offset=2**63)), LOCATOR),
    (archive([A], replace(WIDE_END, locator_disk=1)), DISKS),
    (archive([A], replace(WIDE_END, disks=2)), DISKS),
    (archive([A], replace(WIDE_END, disks=0)), DISKS),
    (archive([A], replace(WIDE_END, wide_disk=1)), DISKS),
    (archive([A], replace(WIDE_END, wide_first_disk=1)), DISKS),
    (archive([A], replace(WIDE_END, wide_here=2)), DISKS),
    (archive([A], replace(WIDE_END, members=0)), DIFFER),
    (archive([A], replace(WIDE_END, size=0)), DIFFER),
    (archive([A], replace(WIDE_END, offset=0)), DIFFER),
    (archive([A], replace(WIDE_END, wide_members=2)), DIFFER),
    (archive([A], replace(WIDE_END, wide_offset=2**63, offset=WIDE)), PLACE),
    (archive([A], replace(WIDE_END, wide_size=2**63, size=WIDE)), PLACE),
    (archive([A], replace(WIDE_END, between=b"x")), PLACE),
    (archive([], WIDE_END)[-50:], "its ZIP64 records are not complete"),
]


def test_what_is_refused() -> None:
    assert [refused(content) for content, _ in REFUSED] == [message for _, message in REFUSED]


def test_counts_beyond_the_bounds() -> None:
    """The second directory has the size that is allowed, but an entry is missing for each member but one."""
    beyond = "its directory is over 16 MiB or 131,072 members"
    for count in (2**17 + 1, 2**60):
        end = replace(WIDE_END, wide_members=count, members=0xFFFF)
        assert refused(archive([A], end)) == beyond
    large = Entry(b"a" * 60_000, b"", extra=bytes(60_000), comment=bytes(60_000))
    content = archive([large] * (MAX_DIRECTORY // 180_000 + 1))
    assert refused(content) == beyond
    assert len(read(archive([large] * (MAX_DIRECTORY // 181_000)))) == MAX_DIRECTORY // 181_000


def test_many_members_are_listed_in_bounded_time_and_memory() -> None:
    assert zip_directory.MAX_MEMBERS == 131_072
    entries = archive([Entry(b"", b"")] * 2**10)[30 * 2**10 : -22] * 2**7
    end = End(zip64=True, members=0xFFFF, wide_members=2**17, size=WIDE, wide_size=len(entries))
    content = entries + archive([], replace(end, locator_offset=len(entries)))
    begun = time.process_time()
    members = read(content)
    assert time.process_time() - begun < 10
    assert len(members) == 2**17
    tracemalloc.start()
    try:
        few = read(archive([Entry(b"", b"")] * 2**10))
        assert tracemalloc.get_traced_memory()[1] < 300 * len(few) + 2 * 76 * 2**10
    finally:
        tracemalloc.stop()


@combinations.sample(2)
@pytest.mark.parametrize("count", [0, 3, 65_536])
def test_what_zipfile_writes_is_read(count: int) -> None:
    """From 65,536 members on, it writes the records of ZIP64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for number in range(count):
            written.writestr(f"member {number}", b"x")
    assert [member.size for member in read(buffer.getvalue())] == [1] * count
