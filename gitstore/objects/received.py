"""Packs that a fetch or a clone of git brought become gitstore's own, so that gc frees them.

A pack without deltas is marked like one that gitstore wrote: its entries can be copied. One with deltas is
marked as packed by git for gitstore. A partial clone's packs from the remote have the mark in the `.promisor`
that tells git what they are, and no `.keep`: `git gc` would copy their objects each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from gitstore.disk.atomic import durable_file, sync_directory
from gitstore.disk.mapped_writes import begin_flush
from gitstore.errors import Corrupt
from gitstore.packs.format import GIT_MARK, KEEP_MARK
from gitstore.packs.pack import Pack

_INTERVAL = 0.2
"""Seconds between two looks at a pack that is arriving."""

_marking = Lock()
"""Held while packs are marked: several connections may bring packs at the same time."""


@contextmanager
def owning(objects: Path) -> Iterator[None]:
    """Mark the packs that appear in an object directory while the block runs, also if it raises.

    The caller keeps gc away until refs need what was fetched.
    """
    known = set(_list_indexes(objects / "pack"))
    try:
        yield
    finally:
        own_packs(objects, known)


def own_packs(objects: Path, known: set[Path] | frozenset[Path] = frozenset()) -> None:
    """Mark the packs of an object directory that are not known and have no mark. Durable."""
    directory = objects / "pack"
    with _marking:
        marked = [index for index in _list_indexes(directory) if index not in known and _mark(index)]
    if marked:
        sync_directory(directory)


def flushing(objects: Path, on_progress: Callable[[str], None]) -> Callable[[str], None]:
    """Return an `on_progress` for git that also lets packs go to the disk while they arrive.

    Otherwise git writes all of a pack at its end, while no core has anything to do.
    """
    last = time.monotonic()

    def report(line: str) -> None:
        nonlocal last
        on_progress(line)
        if time.monotonic() - last > _INTERVAL:
            for path in (objects / "pack").glob("tmp_pack_*"):  # as index-pack calls them
                with suppress(OSError), path.open("rb") as file:
                    begin_flush(file.fileno())
            last = time.monotonic()

    return report


def _list_indexes(directory: Path) -> list[Path]:
    return sorted(directory.glob("pack-*.idx"))


def _mark(index: Path) -> bool:
    """Mark a pack that has no `.keep` and no mark; return whether it was marked."""
    with suppress(FileNotFoundError, Corrupt):  # repacked meanwhile; a damaged one is for verify to report
        pack = Pack(index)
        if pack.keep_path.exists() or pack.is_ours:
            return False
        if pack.is_promised:
            promise = index.with_suffix(".promisor")
            suffix, target, content = "promisor", promise, promise.read_bytes() + GIT_MARK
        else:
            mark = GIT_MARK if _has_deltas(pack) else KEEP_MARK
            suffix, target, content = "keep", pack.keep_path, mark
        with durable_file(index.parent, content, suffix=suffix) as path:
            path.rename(target)
        return True
    return False


def _has_deltas(pack: Pack) -> bool:
    return any(pack.header(position).kind is None for position in range(pack.index.count))
