"""A pack that streams by is told entry by entry, however it is cut into pieces."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.packs.oid import Kind, Oid
from gitstore.packs.scan import PackScanner
from tests.support.commands import git
from tests.support.crafting import Craft, number


class Notes:
    """What a scanner tells."""

    def __init__(self) -> None:
        self.count = -1
        self.entries: list[tuple[Kind | None, int]] = []
        self.deltas: list[tuple[int, int]] = []
        self.offsets: list[int] = []
        self.bases: list[Oid | int] = []
        self.packed = self.inflated = 0

    def begin(self, count: int) -> None:
        self.count = count

    def enter(self, kind: Kind | None, size: int, *, at: int) -> None:
        self.entries.append((kind, size))
        self.offsets.append(at)

    def see_base(self, back: int, oid: Oid | None) -> None:
        self.bases.append(oid or self.offsets[-1] - back)

    def see_delta(self, base: int, result: int) -> None:
        self.deltas.append((base, result))

    def advance(self, packed: int, inflated: int) -> None:
        self.packed, self.inflated = packed, inflated


def scan(pack: bytes, piece: int = 1 << 30) -> Notes:
    notes = Notes()
    scanner = PackScanner(notes)
    for start in range(0, len(pack), piece):
        scanner.feed(pack[start : start + piece])
    return notes


@given(
    st.lists(st.binary(max_size=5000) | st.integers(0, 100_000).map(bytes), max_size=5), st.integers(1, 3000)
)
def test_any_contents_in_any_pieces(contents: list[bytes], piece: int) -> None:
    craft = Craft()
    for content in contents:
        craft.blob(content)
    distinct = list(dict.fromkeys(contents))
    notes = scan(craft.pack(), piece)
    assert notes.count == len(distinct)
    assert notes.entries == [(Kind.BLOB, len(content)) for content in distinct]
    assert notes.inflated == sum(map(len, distinct))
    headers = sum(len(entry) for entry in craft.entries) - notes.packed
    assert len(distinct) <= headers <= 3 * len(distinct)


@pytest.mark.parametrize("piece", [1, 7, 1000, 1 << 20])
def test_a_pack_of_git_with_deltas(tmp_path: Path, piece: int) -> None:
    git("init", "--quiet", cwd=tmp_path)
    lines = [f"line {at}\n" for at in range(2000)]
    for at in range(5):
        lines[at * 100] = "changed\n"
        (tmp_path / "file").write_text("".join(lines))
        git("add", "file", cwd=tmp_path)
        git("commit", "--quiet", "-m", f"{at}", cwd=tmp_path)
    names = set(git("rev-list", "--objects", "--no-object-names", "--all", cwd=tmp_path).split())
    for options in (["--delta-base-offset"], []):
        command = ["git", "pack-objects", "--all", "--stdout", "--quiet", "--no-reuse-delta", *options]
        pack = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, input=b"").stdout
        notes = scan(pack, piece)
        assert (notes.count, len(notes.entries)) == (15, 15)
        assert len(notes.deltas) == [kind for kind, _ in notes.entries].count(None) > 0
        known = notes.offsets if options else [Oid.parse(name) for name in names]
        assert set(notes.bases) <= set(known)
        size = len("".join(lines))
        assert all(abs(result - size) < 200 for _, result in notes.deltas if result > 1000)


def test_an_empty_pack() -> None:
    notes = scan(Craft().pack(), 1)
    assert (notes.count, notes.entries) == (0, [])


def test_what_is_no_pack() -> None:
    sound = Craft()
    sound.blob(b"content" * 100)
    pack = sound.pack()
    start = len(pack) // 2
    for broken in (
        b"x" * 100,
        pack[:7] + b"\3" + pack[8:],
        pack[:12] + b"\x50" + pack[13:],
        pack[:start] + bytes([pack[start] ^ 255] * 8) + pack[start + 8 :],
    ):
        with pytest.raises(ValueError, match=r"."):
            scan(broken)


def test_a_size_that_is_not_so() -> None:
    for size in (3, 300):
        craft = Craft()
        craft.blob(b"content")
        entry = craft.entries[0]
        craft.entries[0] = number(0x30 | size & 15)[:1] + entry[1:] if size < 16 else b"\xbc\x12" + entry[1:]
        with pytest.raises(ValueError, match="has another size"):
            scan(craft.pack())


def test_a_delta_that_ends_early() -> None:
    craft = Craft()
    oid = craft.blob(b"content")
    craft.add_delta(oid, b"\x80")
    with pytest.raises(ValueError, match="delta is broken"):
        scan(craft.pack())
