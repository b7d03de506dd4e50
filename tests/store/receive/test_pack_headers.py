"""The headers of a pack say what git says of its objects, and a chain of deltas is followed once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.packs.format import Entry, encode_index
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.limits import DELTA_DEPTH
from gitstore.store.receive.pack_headers import ChainTooDeep, PackHeaders
from tests.support.commands import git
from tests.support.crafting import Craft, number

BASE = bytes(20)
DELTA = number(20) + number(24) + b"\x90\x14\4"  # 20 bytes of the base, and 4


def write_pack(directory: Path, craft: Craft, oids: list[Oid]) -> Path:
    """A pack whose objects have these ids, in their order in the pack."""
    pack = craft.pack()
    path = directory / "pack-1.idx"
    path.with_suffix(".pack").write_bytes(pack)
    starts = [12]
    for entry in craft.entries:
        starts.append(starts[-1] + len(entry))
    entries = [Entry(oid, start, 0) for oid, start in zip(oids, starts, strict=False)]
    path.write_bytes(encode_index(entries, pack[-20:]))
    return path


def name(at: int) -> Oid:
    return Oid(at.to_bytes(20, "big"))


def chain(directory: Path, length: int, *, backwards: bool = False, end: Oid | None = None) -> PackHeaders:
    """A chain of deltas that name their bases by id; `end` is what the last one names instead of a blob."""
    craft = Craft()
    numbers = range(length, 0, -1) if backwards else range(1, length + 1)
    if end is None:
        craft.blob(BASE)
    for at in numbers:
        craft.add_delta(end if at == 1 and end is not None else name(at - 1), DELTA + at.to_bytes(4, "big"))
    oids = [name(at) for at in numbers]
    return PackHeaders(write_pack(directory, craft, oids if end is not None else [name(0), *oids]))


@pytest.mark.parametrize("by_place", ["true", "false"])
def test_what_git_says(tmp_path: Path, by_place: str) -> None:
    """Deltas of trees and blobs, up to 250 below one another."""
    git("init", "--quiet", cwd=tmp_path)
    lines, stream = [f"line {at}" for at in range(300)], []
    for at in range(300):
        lines[at] = f"{at} changed"
        text = "\n".join(lines)
        stream.append(f"commit refs/heads/main\ncommitter A <a@example.org> {at} +0000\ndata 0\n")
        stream.append(f"M 644 inline file{at % 9}\ndata {len(text)}\n{text}\n")
    given = "".join(stream).encode()
    subprocess.run(["git", "fast-import", "--quiet"], cwd=tmp_path, input=given, check=True)
    git("-c", f"repack.useDeltaBaseOffset={by_place}", "repack", "-adfq", "--depth=250", cwd=tmp_path)
    (index,) = tmp_path.glob(".git/objects/pack/pack-*.idx")
    said = git("verify-pack", "-v", str(index), cwd=tmp_path)
    assert int(said.rpartition("chain length = ")[2].split(":")[0]) > 100
    form = "--batch-check=%(objectname) %(objecttype) %(objectsize) %(objectsize:disk)"
    assert [f"{oid} {new.kind.name.lower()} {new.size} {new.disk}" for oid, new in PackHeaders(index)] == git(
        "cat-file", "--batch-all-objects", form, cwd=tmp_path
    ).splitlines()


@pytest.mark.parametrize("backwards", [False, True])
def test_a_chain(tmp_path: Path, backwards: bool) -> None:
    found = list(chain(tmp_path, DELTA_DEPTH, backwards=backwards))
    assert [oid for oid, _ in found] == [name(at) for at in range(DELTA_DEPTH + 1)]
    assert {new.kind for _, new in found} == {Kind.BLOB}
    assert [new.size for _, new in found] == [20] + [24] * DELTA_DEPTH
    with pytest.raises(ChainTooDeep, match=r"object 0+"):
        list(chain(tmp_path, DELTA_DEPTH + 1, backwards=backwards))


def test_a_chain_without_an_end(tmp_path: Path) -> None:
    with pytest.raises(ChainTooDeep):
        list(chain(tmp_path, 3, end=name(3)))


def test_a_base_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match=r"the entry at byte 12: its base 0{39}9 is not in the pack"):
        list(chain(tmp_path, 1, end=name(9)))
    craft = Craft()
    craft.add_offset_delta(3, DELTA + b"last")
    with pytest.raises(Corrupt, match=r"no entry begins at byte 9"):
        list(PackHeaders(write_pack(tmp_path, craft, [name(1)])))
