"""Bombs in front of git receive-pack: they are stopped before git has inflated anything large."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from tests.support import crafting, spawning
from tests.support.crafting import MIB, Command, Craft, number, zeros


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository of a store, with main and v1."""
    return crafting.make_bare(tmp_path)


class Served(NamedTuple):
    """How a push through the stream ended: seconds of all processes, and the memory of git in bytes."""

    rule: str | None
    text: str
    is_accepted: bool
    cpu: float
    git: int


def push(bare: Path, command: Command, pack: bytes) -> Served:
    """Push through the stream, as a front of a store does."""
    script = Path(__file__).parents[2] / "support" / "serve_push.py"
    done = subprocess.run(
        [spawning.stand_ins() / "python", script, bare],
        input=crafting.format_commands([command]) + pack,
        capture_output=True,
        env={**os.environ, **crafting.tell_hook(bare)},
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
    """A thousand deltas of 3 KiB, each of which makes 100 MiB."""
    oid = craft.blob(bytes(64 * 1024))
    for at in range(1000):
        delta = number(64 * 1024) + number(100 * MIB + 1) + b"\x80" * 1600 + b"\x01" + bytes([at % 256])
        craft.add_delta(oid, delta)


def large_base(craft: Craft) -> None:
    """A delta on an object that says it has a gigabyte."""
    craft.add_delta(craft.blob(b"b"), number(1 << 30) + number(1) + b"\x01x")


def one_result(craft: Craft) -> None:
    """One delta that makes 100 MiB: within all limits, but not of what git may allocate."""
    oid = craft.blob(bytes(64 * 1024))
    craft.add_delta(oid, number(64 * 1024) + number(100 * MIB) + b"\x80" * 1600)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (large_blobs, "expansion"),
        (one_blob, "object-size"),
        (large_results, "inflated-size"),
        (large_base, "object-size"),
        (one_result, None),
    ],
)
def test_a_bomb(bare: Path, make: object, rule: str | None) -> None:
    assert callable(make)
    craft, files = Craft(), crafting.list_files(bare)
    make(craft)
    served = push(bare, Command("refs/heads/other", Oid(b"\1" * 20)), craft.pack())
    assert not served.is_accepted
    assert served.rule == rule, served.text
    assert rule is not None or "attempting to allocate" in served.text
    assert crafting.list_files(bare) == files
    assert served.git < 80 * MIB
    assert served.cpu < 1  # of the processor; git alone needs 6 to 100


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
