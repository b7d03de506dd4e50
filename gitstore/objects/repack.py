"""Merging small packs, because git slows down with thousands of packs.

Every write makes a pack. Our small packs are merged so that each remaining pack is at least twice as large
as all smaller packs together. So the number of packs, and the times that an object is copied, grow with the
logarithm of the bytes. Packs of 64 MiB and more stay as they are, like the packs of git and of people.
Packs of 1 MiB and more that another repository links stay, too: a copy would cost what sharing saves.

Entries are copied as they are, because our packs have no deltas, and each is checked against its id. The
merged pack is complete and durable before the first old pack is removed. A crash leaves objects twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gitstore.disk import locks
from gitstore.disk.atomic import sync_directory
from gitstore.errors import Corrupt
from gitstore.objects.database import ObjectDatabase
from gitstore.packs.copy_entries import copy_entries
from gitstore.packs.oid import Oid
from gitstore.packs.pack import SUFFIXES, Pack, Packed
from gitstore.packs.writer import PackWriter

LARGE_PACK = 64 * 1024 * 1024

LINKED_PACK = 1024 * 1024
"""Bytes from which a pack that another repository links is left as it is."""

FACTOR = 2


def merge_small_packs(database: ObjectDatabase, private: Path) -> list[Pack]:
    """Merge packs if that is due; return the packs that were removed.

    Does nothing while another process merges packs or collects garbage.
    """
    with locks.upkeep(private) as is_held:
        if not is_held:
            return []
        database.refresh()
        due = _find_due([pack for pack in database.own_packs if pack.is_plain and _is_sound(pack)])
        if not due:
            return []
        merged = _merge(database, due)
        # If one of them has all the objects already, the merged pack has its name and its bytes.
        removed = [pack for pack in due if pack.path != merged]
        remove_packs(database, removed)
    return removed


def remove_packs(database: ObjectDatabase, packs: Iterable[Pack]) -> None:
    """Remove packs whose objects are in others or no longer needed. Durable on return."""
    _forget_multi_pack_index(database.directory / "pack")
    for pack in packs:
        _remove(pack)
    sync_directory(database.directory / "pack")
    database.refresh()


def _find_due(packs: list[Pack]) -> list[Pack]:
    """Return the smallest packs, up to the last one that is under twice the size of all packs before it."""
    small = sorted((pack for pack in packs if not _stays(pack)), key=lambda pack: pack.size)
    due, below = 0, 0
    for number, pack in enumerate(small):
        if number and pack.size < FACTOR * below:
            due = number + 1
        below += pack.size
    return small[:due]


def _is_sound(pack: Pack) -> bool:
    """Whether a pack's index is sound. A pack with a damaged index stays, and `verify` reports it."""
    try:
        pack.check_index()
    except Corrupt:
        return False
    return True


def _stays(pack: Pack) -> bool:
    """Whether a pack is never merged."""
    return pack.size >= LARGE_PACK or (pack.size >= LINKED_PACK and pack.is_linked)


def _merge(database: ObjectDatabase, packs: list[Pack]) -> Path | None:
    """Write one pack with the objects of all packs; return its path."""
    entries: dict[Oid, Packed] = {}
    for pack in packs:
        for position in pack.positions_in_file_order():
            entries.setdefault(pack.index.oid(position), Packed(pack, position))
    with PackWriter(database.directory / "pack") as writer:
        copy_entries(entries.values(), writer)
        written = writer.finish()
    return written.path if written is not None else None


def _remove(pack: Pack) -> None:
    """Remove a pack, its index first: without the index, git does not look for the pack.

    `.keep` is removed last. It tells gc that git is not about to index what a crash leaves.
    """
    for suffix in SUFFIXES:
        pack.path.with_suffix(suffix).unlink(missing_ok=True)


def _forget_multi_pack_index(directory: Path) -> None:
    """Remove the multi-pack-index that a `git maintenance` made: it names packs that are removed.

    From git 2.47 on it can be a chain: a directory of files, and one file that names them.
    """
    chain = directory / "multi-pack-index.d"
    (chain / "multi-pack-index-chain").unlink(missing_ok=True)
    for path in (*directory.glob("multi-pack-index*"), *chain.glob("*")):
        if path != chain:
            path.unlink(missing_ok=True)
    if chain.is_dir():
        chain.rmdir()
