"""Hostile pushes: each is refused with a line, and leaves nothing on disk.

Stock git receives them into a real repository with the configuration of a store.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from gitstore.packs.oid import Kind, Oid
from gitstore.text import harmless
from tests.support import crafting
from tests.support.combinations import sample
from tests.support.crafting import MIB, Received, send
from tests.support.hostile import ALL, MALFORMED, Case, branch


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository of a store, with main and v1."""
    return crafting.make_bare(tmp_path)


def refuse(bare: Path, case: Case) -> Received:
    """A push that must be refused, and leave nothing."""
    refs, files = crafting.list_refs(bare), crafting.list_files(bare)
    received = send(bare, *case.craft(refs), limits=case.limits)
    assert not received.is_accepted, received.text
    assert case.told in received.text, received.text
    assert crafting.list_refs(bare) == refs
    assert crafting.list_files(bare) == files
    assert received.git < 64 * MIB
    assert received.memory < 64 * MIB
    return received


@sample(3)
@pytest.mark.parametrize("name", ALL)
def test_a_hostile_push(name: str, bare: Path) -> None:
    received = refuse(bare, ALL[name])
    lines = [line for line in received.text.splitlines() if line.startswith("error: ")]
    assert lines or "fsck" in received.text
    assert [line for line in lines if harmless(line) != line] == []


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_pack(name: str, bare: Path) -> None:
    """Git refuses it, and no hook runs."""
    assert refuse(bare, MALFORMED[name]).hook == 0


def test_another_content_for_an_id(bare: Path) -> None:
    """An id that exists must have the same bytes. Here it is the store that has others."""
    oid = Oid.of(Kind.BLOB, b"the pusher's")
    path = bare / "objects" / str(oid)[:2] / str(oid)[2:]
    path.parent.mkdir()
    path.write_bytes(zlib.compress(b"blob 11\0the store's"))
    refuse(bare, Case(branch({"f": b"the pusher's"}), "SHA1 COLLISION FOUND"))


def test_there_are_enough_of_them() -> None:
    assert len(ALL) + len(MALFORMED) > 100
