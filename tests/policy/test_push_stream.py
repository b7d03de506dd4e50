"""A push that is too large stops where that shows, long before git would notice."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from gitstore.packs.format import entry_header, pack_header
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.limits import DELTA_DEPTH, PushLimits
from gitstore.policy.push_stream import PushStopped, PushStream
from tests.support.crafting import MIB, Craft, number, zeros

COMMANDS = b"0015x refs/heads/main0000"
LIMITS = PushLimits()


def stops(
    data: bytes,
    limits: PushLimits = LIMITS,
    *,
    piece: int = 64 * 1024,
    stored: Mapping[Oid, Kind] | None = None,
) -> tuple[str, int] | None:
    """The rule that stops a push, and after how many bytes; `None` if none does.

    The repository has the objects `stored`.
    """
    stream = PushStream(limits, (stored or {}).get)
    for start in range(0, len(data), piece):
        try:
            stream.feed(data[start : start + piece])
        except PushStopped as error:
            return error.refusal.rule, start
    return None


@pytest.mark.parametrize("piece", [1, 10, 1 << 20])
def test_a_sound_push(piece: int) -> None:
    craft = Craft()
    craft.snapshot("v1", state={"w": bytes(2 * MIB)})
    assert stops(COMMANDS + craft.pack(), piece=piece if piece > 1 else 100) is None
    assert stops(b"0015x refs/heads/main" * 3 + b"0000", piece=piece) is None
    assert stops(b"0000", piece=piece) is None
    assert stops(b"", piece=piece) is None


def test_a_blob_of_a_terabyte_stops_at_its_header() -> None:
    pack = pack_header(1) + entry_header(Kind.BLOB, 1 << 40) + bytes(100)
    assert stops(COMMANDS + pack, piece=20) == ("object-size", 60)


def test_blobs_of_zeros_stop_after_64_mebibytes() -> None:
    craft = Craft()
    for _ in range(4):
        craft.add_entry(entry_header(Kind.BLOB, 100 * MIB) + zeros(100 * MIB))
    pack = craft.pack()
    stopped = stops(COMMANDS + pack, piece=1000)
    assert stopped is not None
    assert stopped[0] == "expansion"
    assert stopped[1] < 100_000


def test_deltas_with_large_results() -> None:
    craft = Craft()
    oid = craft.blob(b"b")
    for _ in range(9):
        craft.add_delta(oid, number(1) + number(30 * MIB) + b"\x01x")
    stored = {oid: Kind.BLOB}
    limits = PushLimits(inflated=200 * MIB)
    assert stops(COMMANDS + craft.pack(), limits, stored=stored) == ("inflated-size", 0)
    assert stops(COMMANDS + craft.pack(), stored=stored) == ("expansion", 0)
    craft.blob(random.Random(0).randbytes(MIB))
    craft.entries.insert(0, craft.entries.pop())
    assert stops(COMMANDS + craft.pack(), stored=stored) is None
    other = Craft()
    other.add_delta(oid, number(1 << 40) + number(1) + b"\x01x")
    assert stops(COMMANDS + other.pack()) == ("object-size", 0)


def add_chain(craft: Craft, length: int, *, size: int) -> None:
    """Deltas that make so many bytes, each on the entry in front of it."""
    for _ in range(length):
        craft.add_offset_delta(len(craft.entries[-1]), number(size) + number(size) + b"\x01x")


def test_a_chain_of_deltas() -> None:
    craft = Craft()
    craft.blob(b"b")
    add_chain(craft, DELTA_DEPTH, size=1)
    assert stops(COMMANDS + craft.pack()) is None
    add_chain(craft, 1, size=1)
    assert stops(COMMANDS + craft.pack()) == ("delta-depth", 0)
    on_another = Craft()
    on_another.add_delta(Oid(b"\1" * 20), number(1) + number(1) + b"\x01x")
    add_chain(on_another, DELTA_DEPTH, size=1)
    assert stops(COMMANDS + on_another.pack()) == ("delta-depth", 0)


@pytest.mark.parametrize("back", [0, 5, 100])
def test_a_base_at_no_place_is_left_to_git(back: int) -> None:
    craft = Craft()
    craft.blob(b"b")
    craft.add_offset_delta(back, number(1) + number(1) + b"\x01x")
    assert stops(COMMANDS + craft.pack()) is None


STORED = Oid(b"\1" * 20)


@pytest.mark.parametrize(
    ("kind", "size", "rule"),
    [
        (Kind.BLOB, 3 * MIB, None),
        (Kind.TREE, 3 * MIB, "tree-sum"),
        (Kind.COMMIT, 2 * MIB, "object-size"),
        (None, 3 * MIB, "expansion"),
        (None, 2 * MIB, None),
    ],
)
def test_what_deltas_make_of_a_stored_object_is_of_its_kind(
    kind: Kind | None, size: int, rule: str | None
) -> None:
    craft = Craft()
    for at in range(30):
        craft.add_delta(STORED, number(size) + number(size) + b"\x02" + at.to_bytes(2, "big"))
    stopped = stops(COMMANDS + craft.pack(), stored={STORED: kind} if kind else {})
    assert (stopped and stopped[0]) == rule


def test_what_deltas_make_of_an_unknown_object_may_be_200_times_the_pack() -> None:
    craft = Craft()
    craft.blob(random.Random(0).randbytes(MIB))
    for _ in range(80):
        craft.add_delta(STORED, number(3 * MIB) + number(3 * MIB) + b"\x01x")
    assert stops(COMMANDS + craft.pack()) is None
    for _ in range(20):
        craft.add_delta(STORED, number(3 * MIB) + number(3 * MIB) + b"\x01x")
    assert stops(COMMANDS + craft.pack()) == ("expansion", MIB)


@pytest.mark.parametrize(
    ("kind", "size", "rule"),
    [
        (Kind.BLOB, 3 * MIB, None),
        (Kind.TREE, 3 * MIB, "tree-sum"),
        (Kind.TREE, 5 * MIB, "object-size"),
        (Kind.COMMIT, 2 * MIB, "object-size"),
    ],
)
def test_what_deltas_make_is_of_the_kind_of_their_base(kind: Kind, size: int, rule: str | None) -> None:
    craft = Craft()
    craft.add(kind, b"content")
    add_chain(craft, 30, size=size)
    stopped = stops(COMMANDS + craft.pack())
    assert (stopped and stopped[0]) == rule


@pytest.mark.parametrize(
    ("base", "result", "rest", "rule"),
    [
        (20 * MIB, 19 * MIB, 0, None),
        (20 * MIB, 21 * MIB, 0, "delta-size"),
        (41 * MIB, 1, 0, "delta-size"),
        (15 * MIB, 15 * MIB, 11 * MIB, "delta-size"),
        (1, 1, 17 * MIB, "delta-size"),
    ],
)
def test_what_git_must_hold_for_a_delta(base: int, result: int, rest: int, rule: str | None) -> None:
    craft = Craft()
    craft.add_delta(craft.blob(b"b"), number(base) + number(result) + b"\x01x" + bytes(rest))
    stopped = stops(COMMANDS + craft.pack())
    assert (stopped and stopped[0]) == rule


def test_trees_are_added_up() -> None:
    craft = Craft()
    for at in range(3):
        craft.add(Kind.TREE, bytes([at]) * 1000)
    assert stops(COMMANDS + craft.pack(), PushLimits(trees=3 * 1512)) is None
    assert stops(COMMANDS + craft.pack(), PushLimits(trees=3 * 1512 - 1)) == ("tree-sum", 0)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (COMMANDS + pack_header(1 << 31), "object-count"),
        (COMMANDS + pack_header(1) + entry_header(Kind.COMMIT, 2 * MIB) + bytes(30), "object-size"),
        (COMMANDS + pack_header(1) + entry_header(Kind.TREE, 5 * MIB) + bytes(30), "object-size"),
        (COMMANDS + b"x" * 100, "pack-form"),
        (b"not git at all", "pack-form"),
        (b"0003", "pack-form"),
        (b"-001", "pack-form"),
        (b"0015x refs/heads/main" * 50_001, "ref-count"),
        ((b"fff0x refs/heads/" + b"a" * 65_503) * 260, "ref-count"),
        (COMMANDS + pack_header(1) + entry_header(Kind.BLOB, 3) + b"\0" * 100, "pack-form"),
    ],
)
def test_what_stops(data: bytes, rule: str) -> None:
    stopped = stops(data)
    assert stopped is not None
    assert stopped[0] == rule


def test_a_pack_over_the_limit() -> None:
    craft = Craft()
    craft.blob(bytes(range(256)) * 100)
    assert stops(COMMANDS + craft.pack(), PushLimits(pack=100)) == ("pack-size", 0)
