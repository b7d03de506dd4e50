"""Fetching many objects into a partial clone: over several connections, and from a remote that lacks some."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.git.partial_clone import PartialClone
from gitstore.packs.format import GIT_MARK
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import Fsck, git
from tests.support.sharing import make_bare

COUNT = 150
BLOBS = [str(number).encode() for number in range(COUNT)]
OIDS = [Oid.of(Kind.BLOB, blob) for blob in BLOBS]
COMMANDS = b"".join(b"M 644 inline %d\ndata %d\n%s\n" % (n, len(blob), blob) for n, blob in enumerate(BLOBS))
STREAM = b"commit refs/heads/main\ncommitter A <a@example.org> 0 +0000\ndata 0\n" + COMMANDS


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A clone without the blobs of its origin."""
    origin = make_bare(tmp_path / "origin.git", partial=True)
    git("fast-import", "--quiet", cwd=origin, stdin=STREAM)
    options = ("--quiet", "--bare", "--filter=blob:none")
    git("clone", *options, f"file://{origin}", str(tmp_path / "copy.git"), cwd=tmp_path)
    return tmp_path / "copy.git"


def list_missing(directory: Path) -> list[str]:
    listing = git("rev-list", "--objects", "--missing=print", "main", cwd=directory)
    return [line for line in listing.splitlines() if line.startswith("?")]


@pytest.mark.parametrize(("count", "packs"), [("1", 1), ("2", 2), ("16", 3)])
def test_many_objects_come_over_several_connections(copy: Path, fsck: Fsck, count: str, packs: int) -> None:
    """Each brings 64 objects at least, in a pack that is marked as ours, once."""
    git("config", "gitstore.connections", count, cwd=copy)
    before = set((copy / "objects" / "pack").glob("*.promisor"))
    PartialClone(copy).fetch(OIDS)
    fetched = set((copy / "objects" / "pack").glob("*.promisor")) - before
    assert len(fetched) == packs
    assert all(path.read_bytes().count(GIT_MARK) == 1 for path in fetched)
    assert list_missing(copy) == []
    fsck(copy)


def test_progress_counts_the_objects_of_all(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "gitstore"):
        PartialClone(copy).fetch(OIDS)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "fetching 150 objects from origin"
    assert lines[-1] == "Receiving objects: 100% (150/150)"


@pytest.mark.parametrize("value", [""])
def test_a_number_of_connections_that_is_none(copy: Path, value: str) -> None:
    git("config", "gitstore.connections", value, cwd=copy)
    with pytest.raises(GitstoreError, match=r"gitstore\.connections must be a number"):
        PartialClone(copy).fetch(OIDS)


def test_what_arrived_stays_if_the_remote_lacks_an_object(copy: Path) -> None:
    strange = Oid.of(Kind.BLOB, b"of another repository")
    with pytest.raises(GitstoreError, match=r"lacks 75 objects, and origin cannot be read: .*not our ref"):
        PartialClone(copy).fetch([*OIDS[:-1], strange])
    assert len(list_missing(copy)) == 75
