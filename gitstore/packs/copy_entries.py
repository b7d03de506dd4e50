"""Carrying entries of our packs over into a new pack as they stand, checked on all cores.

A new pack gets checksums that are right, whatever stands in it. So nothing is copied that is not what
its index says; the old pack goes only afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gitstore.disk.cores import core_count
from gitstore.packs.pack import Packed
from gitstore.packs.writer import PackWriter

if TYPE_CHECKING:
    from concurrent.futures import Future

_IN_FLIGHT = 64 * 1024 * 1024
"""Bytes of entries that may wait for their turn: what bounds memory, together with the largest."""

_ALONE = 4 * 1024 * 1024
"""Bytes from which several cores are worth starting threads for."""


def carry_over(entries: Iterable[Packed], writer: PackWriter) -> None:
    """Append entries to a new pack, in this order. Raises `Corrupt` for one that is not the object it is
    said to be: its id is compared with its content.
    """
    entries = list(entries)
    if sum(packed.disk_size for packed in entries) < _ALONE:
        for packed in entries:
            writer.append(packed.oid, packed.pack.checked_entry(packed.position))
        return
    from concurrent.futures import ThreadPoolExecutor  # late: who only reads needs none

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
    """Append the entry that waits longest; returns its bytes."""
    packed, entry = waiting.popleft()
    writer.append(packed.oid, entry.result())
    return packed.disk_size
