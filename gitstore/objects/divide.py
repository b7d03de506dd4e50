"""Dividing packs, so that another repository can link the objects that it needs without any others.

A hard link makes a whole pack file part of another repository. So a pack can be linked only if all of its
objects are needed there. Dividing does the reverse of merging: the wanted objects of some packs get packs of
their own, what is left gets others, and the old packs are removed. The bytes on the disk stay the same,
unless another repository links an old pack.

Entries are copied as they are, and each is checked against its id. All new packs are complete and durable
before the first old pack is removed. A crash leaves objects twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from gitstore.objects.database import ObjectDatabase
from gitstore.objects.repack import copy_into_pack, remove_packs
from gitstore.packs.oid import Oid
from gitstore.packs.pack import Pack, Packed

SMALLEST = 1024 * 1024
"""Bytes from which wanted objects get one more pack."""

MOST = 20
"""At most one in so many of the wanted bytes is in one pack, if that is larger than `SMALLEST`.

When another base needs most of these objects, only the packs that it does not need whole are divided again.
A pack that is linked by then must be copied for that.
"""


_WRITERS = 2
"""Packs that are written at the same time. Each has up to 64 MiB of entries in memory."""


def divide_packs(database: ObjectDatabase, packs: Sequence[Pack], wanted: Collection[Oid]) -> int:
    """Divide our packs into new ones, which have either wanted objects or others. Durable on return.

    The caller holds `locks.upkeep`. Returns the bytes of the wanted objects that the disk has twice from now
    on, because another repository links their old pack. Raises `Corrupt` for a damaged pack and
    `GitstoreError` for a full disk. Then the old packs are all there is, as before.
    """
    selected: dict[Oid, Packed] = {}
    rests: list[list[Packed]] = []
    for pack in packs:
        pack.check_index()
        entries = [Packed(pack, position) for position in pack.positions_in_file_order()]
        for entry in entries:
            if entry.oid in wanted:
                selected.setdefault(entry.oid, entry)
        rests.append([entry for entry in entries if entry.oid not in wanted])
    kept_by_others = {pack for pack in packs if pack.is_linked}
    duplicate = _measure(entry for entry in selected.values() if entry.pack in kept_by_others)
    written = _write_all(database, [*_cut_entries(list(selected.values())), *_join_small(rests)])
    remove_packs(database, [pack for pack in packs if pack.path not in written])
    return duplicate


def _cut_entries(entries: list[Packed]) -> Iterator[list[Packed]]:
    for start, end in cut([entry.disk_size for entry in entries]):
        yield entries[start:end]


def _join_small(rests: list[list[Packed]]) -> Iterator[list[Packed]]:
    """Yield the rests of the packs: the large ones, and the small ones together."""
    small: list[Packed] = []
    for rest in rests:
        if _measure(rest) >= SMALLEST:
            yield rest
        else:
            small += rest
    if small:
        yield list({entry.oid: entry for entry in small}.values())


def _measure(entries: Iterable[Packed]) -> int:
    return sum(entry.disk_size for entry in entries)


def cut(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut a row of entries into ranges, one for each pack. None is under `SMALLEST`, unless all together are.

    `sizes` are the bytes of the entries.
    """
    remaining = sum(sizes)
    limit = max(SMALLEST, remaining // MOST)
    start, size = 0, 0
    for end, entry in enumerate(sizes, start=1):
        size += entry
        if size >= limit and remaining - size >= SMALLEST:
            yield start, end
            start, remaining, size = end, remaining - size, 0
    if start < len(sizes):
        yield start, len(sizes)


def _write_all(database: ObjectDatabase, groups: Sequence[list[Packed]]) -> set[Path | None]:
    """Write a pack of each group; return their paths. If that fails, the new packs are removed.

    Each pack is synced, so one is written while another waits for the disk.
    """
    from concurrent.futures import ThreadPoolExecutor  # here, because commands that only read need none

    before = {pack.path for pack in database.own_packs}
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="gitstore-divide") as pool:
        futures = [pool.submit(copy_into_pack, database, entries) for entries in groups]
        try:
            return {future.result() for future in futures}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            ended = [future for future in futures if not future.cancelled()]
            written = {future.result() for future in ended if future.exception() is None}
            database.refresh()
            remove_packs(database, [pack for pack in database.own_packs if pack.path in written - before])
            raise
