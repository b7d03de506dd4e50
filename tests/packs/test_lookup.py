"""Finding objects in many packs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.packs.index import PackIndex
from gitstore.packs.lookup import PackSet
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack
from tests.support.packs import write_pack

COUNT = 20


def blob(text: str) -> Oid:
    return Oid.of(Kind.BLOB, text.encode())


@pytest.fixture
def packs(tmp_path: Path) -> list[Pack]:
    """Packs of ten objects each, and one object that all of them have."""
    return [
        Pack(
            write_pack(
                tmp_path, [b"all", *(f"{number} {each}".encode() for each in range(10))]
            ).path.with_suffix(".idx")
        )
        for number in range(COUNT)
    ]


@pytest.mark.parametrize("times", [1, 20])
def test_each_is_where_it_is(packs: list[Pack], times: int) -> None:
    """With a table, and before there is one."""
    packs_as_one = PackSet(packs)
    for _ in range(times):
        for number in (7, COUNT - 1, 0):
            found = packs_as_one.find(blob(f"{number} 3"))
            assert found is not None
            assert (found.pack, found.oid) == (packs[number], blob(f"{number} 3"))
        everywhere = packs_as_one.find(blob("all"))
        assert everywhere is not None
        assert everywhere.pack is packs[0]
        assert packs_as_one.find(blob("nowhere")) is None


def test_no_packs() -> None:
    assert PackSet(()).find(blob("all")) is None


def test_who_asks_often_does_not_ask_every_pack(packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    find = PackIndex.find

    def counted(self: PackIndex, oid: Oid) -> int | None:
        nonlocal looks
        looks += 1
        return find(self, oid)

    monkeypatch.setattr(PackIndex, "find", counted)
    packs_as_one = PackSet(packs)
    for _ in range(50):
        for number in range(COUNT):
            assert packs_as_one.find(blob(f"{number} 5")) is not None
    assert looks <= 50 * COUNT + 11 * COUNT // 8 + COUNT


def test_sizes_are_those_of_the_single_entries(packs: list[Pack]) -> None:
    for pack in packs[:2]:
        spans = [pack.span(position) for position in range(pack.index.count)]
        expected = [(pack.index.oid(i), end - start) for i, (start, end) in enumerate(spans)]
        assert list(pack.disk_sizes()) == expected
        assert sum(size for _, size in expected) == pack.size - 32
