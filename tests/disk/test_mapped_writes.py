"""Writes through numpy's memmap, on a disk and in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gitstore.disk import mapped_writes
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.snapshots.restore import Component, restore
from gitstore.workingcopy.unsaved import WouldLose
from tests.support.file_systems import DISK, MEMORY, directory_in
from tests.support.models import make, put, take


@pytest.fixture(params=[DISK, MEMORY], ids=["disk", "tmpfs"])
def here(request: pytest.FixtureRequest) -> Iterator[Path]:
    if not os.access(request.param, os.W_OK):
        pytest.skip(f"{request.param} cannot be written to")
    with directory_in(request.param) as directory:
        yield directory


def weights(model: Model) -> np.memmap:
    return np.memmap(model.claim_states() / "initial" / "weights", dtype="S8", mode="r+", shape=(1,))


def test_a_snapshot_has_what_was_written_last(here: Path) -> None:
    """The page stays dirty and writable: without a flush, its second write shows nowhere."""
    model = make(here / "digits")
    put(model, "initial", {"weights": b"00000000", "other": b"x"})
    mapped = weights(model)
    trees = []
    for number in range(3):
        mapped[0] = b"AAAAAAA%d" % number
        trees.append(take(model, f"v{number}").state_tree)
    assert len(set(trees)) == 3


def test_what_is_written_so_is_not_overwritten(here: Path) -> None:
    model = make(here / "digits")
    mapped = weights(model)
    mapped[0] = b"AAAAAAAA"
    first = take(model, "v1")
    mapped[0] = b"BBBBBBBB"
    assert [each.is_modified for each in state.list_states(model)] == [False]  # it is not saved
    with pytest.raises(WouldLose):
        restore(model, first, components=[Component.STATE])
    assert bytes(mapped[0]) == b"BBBBBBBB"


def test_an_unknown_file_system_is_tried_out(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is that of the list, whether or not the file system is on it."""
    with (here / "file").open("wb") as file:
        listed = mapped_writes.are_shown(file.fileno(), here)
        monkeypatch.setattr(mapped_writes, "_SHOWING", frozenset())
        monkeypatch.setattr(mapped_writes, "_HIDING", frozenset())
        assert mapped_writes.are_shown(file.fileno(), here) is listed
        assert mapped_writes.are_shown(file.fileno(), Path("/proc")) is False  # another one
        assert mapped_writes.are_shown(file.fileno(), here / "gone") is False
    assert os.listdir(here) == ["file"]
