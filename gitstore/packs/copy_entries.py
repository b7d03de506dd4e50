"""Copying entries of our packs into a new pack as they are, checked on all cores.

The checksums of a new pack are right whatever it contains. So each entry is checked against its index
before it is copied; the old pack is removed only afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gitstore.disk.cores import core_count
from gitstore.disk.memory import keep_freed_memory
from gitstore.packs.pack import Packed
from gitstore.packs.writer import PackWriter

if TYPE_CHECKING:
    from concurrent.futures import Future

_IN_FLIGHT = 64 * 1024 * 1024
"""Bytes of entries that may wait for their turn. This and the largest entry bound the memory."""

_SINGLE_THREADED = 4 * 1024 * 1024
"""Fewer bytes are copied in this thread: starting others would take longer."""


def copy_entries(entries: Iterable[Packed], writer: PackWriter) -> None:
    """Append entries to a new pack, in this order.

    Raises `Corrupt` if an entry's content does not hash to its id.
    """
    entries = list(entries)
    if sum(packed.disk_size for packed in entries) < _SINGLE_THREADED:
        for packed in entries:
            writer.append(packed.oid, packed.pack.checked_entry(packed.position))
        return
    from concurrent.futures import ThreadPoolExecutor  # here, because commands that only read need none

    keep_freed_memory()
    with ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-carry") as pool:
        waiting: deque[tuple[Packed, Future[bytes]]] = deque()
        in_flight = 0
        try:
            for packed in entries:
                waiting.append((packed, pool.submit(packed.pack.checked_entry, packed.position)))
                in_flight += packed.disk_size
                while in_flight > _IN_FLIGHT:
                    in_flight -= _append(waiting, writer)
            while waiting:
                _append(waiting, writer)
        finally:
            pool.shutdown(cancel_futures=True)


def _append(waiting: deque[tuple[Packed, Future[bytes]]], writer: PackWriter) -> int:
    """Append the entry that has waited longest; return its bytes."""
    packed, entry = waiting.popleft()
    writer.append(packed.oid, entry.result())
    return packed.disk_size
