"""Merging small packs, because git slows down with thousands of packs.

Every write makes a pack. Our packs under 1 MiB are merged so that each that remains is at least twice as
large as all smaller ones together. So their number, and the times that an object is copied, grow with the
logarithm of the bytes. Packs from 1 MiB to 64 MiB stay as they are while there are few of them, because
other repositories can link only packs that they need whole. If there are more than 32, the smallest 16 are
merged. Packs of 64 MiB and more stay as they are, like the packs of git and of people. Packs of 256 KiB and
more that another repository links stay, too: a copy would cost what sharing saves.

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

MEDIUM_PACK = 1024 * 1024
"""Bytes from which a pack is merged only if there are too many."""

LINKED_PACK = 256 * 1024
"""Bytes from which a pack that another repository links is left as it is."""

FACTOR = 2

MOST_MEDIUM, MERGED_MEDIUM = 32, 16
"""If there are more than so many packs from `MEDIUM_PACK` to `LARGE_PACK`, so many of them are merged."""


def merge_small_packs(database: ObjectDatabase, private: Path) -> list[Pack]:
    """Merge packs if that is due; return the packs that were removed.

    Does nothing while another process merges packs or collects garbage.
    """
    with locks.upkeep(private) as is_held:
        if not is_held:
            return []
        database.refresh()
        due = _find_due([pack for pack in database.own_packs if pack.is_plain and _is_sound(pack)])
        return [pack for packs in due for pack in _merge(database, packs)]


def remove_packs(database: ObjectDatabase, packs: Iterable[Pack]) -> None:
    """Remove packs whose objects are in others or no longer needed. Durable on return."""
    _forget_multi_pack_index(database.directory / "pack")
    for pack in packs:
        _remove(pack)
    sync_directory(database.directory / "pack")
    database.refresh()


def _find_due(packs: list[Pack]) -> list[list[Pack]]:
    """Return the packs to merge: each list of them into one pack."""
    candidates = sorted((pack for pack in packs if not _stays(pack)), key=lambda pack: pack.size)
    small = [pack for pack in candidates if pack.size < MEDIUM_PACK]
    medium = candidates[len(small) :]
    return [due for due in (_find_due_small(small), _find_due_medium(medium)) if due]


def _find_due_small(packs: list[Pack]) -> list[Pack]:
    """Return the smallest packs, up to the last one that is under twice the size of all packs before it."""
    due, below = 0, 0
    for number, pack in enumerate(packs):
        if number and pack.size < FACTOR * below:
            due = number + 1
        below += pack.size
    return packs[:due]


def _find_due_medium(packs: list[Pack]) -> list[Pack]:
    """Return the smallest packs if there are too many: as many as make a large pack, but at most some."""
    due: list[Pack] = []
    if len(packs) > MOST_MEDIUM:
        size = 0
        for pack in packs[:MERGED_MEDIUM]:
            due.append(pack)
            size += pack.size
            if size >= LARGE_PACK and len(due) > 1:
                break
    return due


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


def _merge(database: ObjectDatabase, packs: list[Pack]) -> list[Pack]:
    """Write one pack with the objects of all packs, and remove these; return those that were removed."""
    entries: dict[Oid, Packed] = {}
    for pack in packs:
        for position in pack.positions_in_file_order():
            entries.setdefault(pack.index.oid(position), Packed(pack, position))
    merged = copy_into_pack(database, entries.values())
    # If one of them has all the objects already, the merged pack has its name and its bytes.
    removed = [pack for pack in packs if pack.path != merged]
    remove_packs(database, removed)
    return removed


def copy_into_pack(database: ObjectDatabase, entries: Iterable[Packed]) -> Path | None:
    """Write a new pack with these entries, durably; return its path. Raises `Corrupt` for a damaged one."""
    entries = list(entries)
    with PackWriter(database.directory / "pack") as writer:
        writer.expect(len(entries))
        copy_entries(entries, writer)
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
