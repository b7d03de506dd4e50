"""Bombs in front of git receive-pack: they are stopped before git has inflated anything large."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gitstore.git import process as git_process
from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from tests.support import crafting, spawning
from tests.support.crafting import MIB, Command, Craft, number, zeros


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository of a store, with main and v1."""
    return crafting.make_bare(tmp_path)


class Served(NamedTuple):
    """How a push through the stream ended.

    `cpu` are seconds of all processes, `git` the memory of the largest process of git, in bytes.
    """

    rule: str | None
    text: str
    is_accepted: bool
    cpu: float
    git: int


def push(bare: Path, command: Command, pack: bytes, **limits: int) -> Served:
    """Push through the stream, as a front of a store does. `limits` replace a store's."""
    script = Path(__file__).parents[2] / "support" / "serve_push.py"
    done = subprocess.run(
        [spawning.stand_ins() / "python", script, bare],
        input=crafting.format_commands([command]) + pack,
        capture_output=True,
        env={**os.environ, **crafting.tell_hook(bare, limits=limits)},
        check=False,
    )
    crafting.read_report(bare)
    text, _, last = done.stderr.decode(errors="replace").rstrip().rpartition("\n")
    report = json.loads(last)
    is_accepted = b"unpack ok" in done.stdout and b"ng " not in done.stdout.rpartition(b"unpack ")[2]
    return Served(report["rule"], text, is_accepted, report["cpu"], report["git"])


def large_blobs(craft: Craft) -> None:
    """A gigabyte of zeros, in a megabyte."""
    content = zeros(128 * MIB)
    for _ in range(8):
        craft.add_entry(entry_header(Kind.BLOB, 128 * MIB) + content)


def one_blob(craft: Craft) -> None:
    """An object that says it has four gigabytes."""
    craft.add_entry(entry_header(Kind.BLOB, 4 << 30) + zeros(16 * MIB))


def large_results(craft: Craft) -> None:
    """A thousand deltas of 700 bytes, each of which makes 35 MiB."""
    oid = craft.blob(bytes(64 * 1024))
    for at in range(1000):
        delta = number(64 * 1024) + number(35 * MIB + 1) + b"\x80" * 560 + b"\x01" + bytes([at % 256])
        craft.add_delta(oid, delta)


def large_base(craft: Craft) -> None:
    """A delta on an object that says it has a gigabyte."""
    craft.add_delta(craft.blob(b"b"), number(1 << 30) + number(1) + b"\x01x")


def deep_chain(craft: Craft) -> None:
    """Thousands of deltas below one another."""
    craft.blob(b"b")
    for _ in range(5000):
        craft.add_offset_delta(len(craft.entries[-1]), number(1) + number(1) + b"\x01x")


def changed_trees(*, by_id: bool) -> Callable[[Craft], None]:
    """Three hundred deltas on a tree of 3.3 MB, of which git reads each: 6 seconds."""

    def make(craft: Craft) -> None:
        content = b"".join(b"100644 %08d\0%s" % (at, os.urandom(20)) for at in range(90_000))
        oid, back = craft.add(Kind.TREE, content), 0
        for at in range(300):
            back += len(craft.entries[-1])
            delta = number(len(content)) + number(len(content)) + _copy(len(content) - 20) + b"\x14"
            delta += at.to_bytes(20, "big")
            if by_id:
                craft.add_delta(oid, delta)
            else:
                craft.add_offset_delta(back, delta)

    return make


def _copy(size: int) -> bytes:
    """The instruction of a delta that copies so many bytes (under 16 MiB) from the start of its base."""
    return b"\xf0" + size.to_bytes(3, "little")


def one_result(craft: Craft) -> None:
    """A delta that makes 60 MiB."""
    _repeat(craft, craft.blob(bytes(64 * 1024)), 60 * MIB)


def small_deltas(craft: Craft) -> None:
    """As much as a delta, its base and its result may have, twice."""
    base = _blob_of_zeros(craft, 19 * MIB)
    for last in b"ab":
        delta = number(19 * MIB) + number(19 * MIB + 1) + b"\x80" * 304 + b"\x01" + bytes([last])
        craft.add_delta(base, delta)


def lying_base(craft: Craft) -> None:
    """A delta that says that its base of 60 MiB has a byte."""
    craft.add_delta(_blob_of_zeros(craft, 60 * MIB), number(1) + number(1) + b"\x01x")


def lying_smaller_base(craft: Craft) -> None:
    """A delta that lies like this about a base that git takes into memory, and has 16 MiB itself."""
    base = _blob_of_zeros(craft, 39 * MIB)
    craft.add_delta(base, number(1) + number(127 * 130_000) + (b"\x7f" + bytes(127)) * 130_000)


def _blob_of_zeros(craft: Craft, size: int) -> Oid:
    craft.add_entry(entry_header(Kind.BLOB, size) + zeros(size))
    return Oid.of(Kind.BLOB, bytes(size))


def _repeat(craft: Craft, base: Oid, size: int) -> None:
    """Add a delta that copies 64 KiB up to a size."""
    craft.add_delta(base, number(64 * 1024) + number(size) + b"\x80" * (size // (64 * 1024)))


@pytest.mark.parametrize(
    ("make", "rule", "told"),
    [
        (large_blobs, "expansion", ""),
        (one_blob, "object-size", ""),
        (large_results, "expansion", ""),
        (deep_chain, "delta-depth", ""),
        (changed_trees(by_id=False), "tree-sum", ""),
        (changed_trees(by_id=True), "expansion", ""),
        (large_base, "object-size", ""),
        (one_result, "delta-size", ""),
        (small_deltas, None, "bad object 0101"),
        (lying_base, None, "attempting to allocate"),
        (lying_smaller_base, None, "failed to apply delta"),
    ],
)
def test_a_bomb(bare: Path, make: Callable[[Craft], None], rule: str | None, told: str) -> None:
    craft, files = Craft(), crafting.list_files(bare)
    make(craft)
    served = push(bare, Command("refs/heads/other", Oid(b"\1" * 20)), craft.pack())
    assert not served.is_accepted
    assert served.rule == rule, served.text
    assert told in served.text
    assert crafting.list_files(bare) == files
    assert served.git < 64 * MIB
    assert served.cpu < 1  # of the processor; git alone needs 6 to 100


def test_deltas_on_a_tree_that_the_repository_has(bare: Path) -> None:
    craft, files = Craft(), crafting.list_files(bare)
    tree = git_process.read_line("rev-parse", "v1:", cwd=bare)
    for at in range(3):
        craft.add_delta(Oid.parse(tree), number(100) + number(1000) + b"\x01" + bytes([at]))
    served = push(bare, Command("refs/heads/other", Oid(b"\1" * 20)), craft.pack(), trees=3000)
    assert served.rule == "tree-sum", served.text
    assert crafting.list_files(bare) == files


def test_a_sound_push(bare: Path) -> None:
    craft = Craft()
    tag = craft.snapshot("v2", state={f"w{at}": os.urandom(MIB) for at in range(5)})
    served = push(bare, Command("refs/tags/v2", tag), craft.pack())
    assert served.rule is None
    assert served.is_accepted, served.text
    assert crafting.list_refs(bare)["refs/tags/v2"] == tag


def test_git_that_wants_no_more(bare: Path) -> None:
    """It ends at the header of the pack, and the rest is dropped."""
    craft = Craft()
    craft.blob(os.urandom(3 * MIB))
    craft.add_entry(b"")
    served = push(bare, Command("refs/heads/HEAD/..", Oid(b"\1" * 20)), craft.pack())
    assert not served.is_accepted
