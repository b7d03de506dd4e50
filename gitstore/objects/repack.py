"""Keeping the number of packs small: git slows down with thousands of them.

Every write makes a pack. Small ones of ours are merged so that each that stays is at least twice as
large as all smaller ones together: their number grows with the logarithm of their bytes, and an
object is copied as often. Packs of 64 MiB and more stay as they are, as do those of git and of people.
So do those from 1 MiB on that another repository has, too: a copy would cost what sharing saves.

Entries are copied as they stand, for ours are never deltas, and each is checked against its id. A merged
pack is complete and durable before the first of those it replaces goes, so that a crash leaves objects
twice, never not at all.
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
"""Bytes from which a pack that another repository has, too, is left as it is."""

FACTOR = 2


def merge_small_packs(database: ObjectDatabase, private: Path) -> list[Pack]:
    """Merge packs if that is due; returns those that went.

    Does nothing while another process merges, or collects garbage.
    """
    with locks.upkeep(private) as free:
        if not free:
            return []
        database.refresh()
        due = _due([pack for pack in database.own_packs if pack.is_plain and _is_sound(pack)])
        if not due:
            return []
        merged = _copy(database, due)
        # If one of them has every object already, it is the merged pack, byte for byte and by name.
        gone = [pack for pack in due if pack.path != merged]
        remove_packs(database, gone)
    return gone


def remove_packs(database: ObjectDatabase, packs: Iterable[Pack]) -> None:
    """Take packs away, whose objects are in others or needed no more. Durable on return."""
    _forget_multi_pack_index(database.directory / "pack")
    for pack in packs:
        _remove(pack)
    sync_directory(database.directory / "pack")
    database.refresh()


def _due(packs: list[Pack]) -> list[Pack]:
    """The smallest packs, up to the last that is under twice the size of all those before it."""
    small = sorted((pack for pack in packs if not _stays(pack)), key=lambda pack: pack.size)
    due, below = 0, 0
    for number, pack in enumerate(small):
        if number and pack.size < FACTOR * below:
            due = number + 1
        below += pack.size
    return small[:due]


def _is_sound(pack: Pack) -> bool:
    """Whether a pack's index can be relied on; one that cannot stays for `verify` to name."""
    try:
        pack.check_index()
    except Corrupt:
        return False
    return True


def _stays(pack: Pack) -> bool:
    """Whether a pack is never merged."""
    return pack.size >= LARGE_PACK or (pack.size >= LINKED_PACK and pack.is_linked)


def _copy(database: ObjectDatabase, packs: list[Pack]) -> Path | None:
    """Write one pack with the objects of all; returns its file."""
    entries: dict[Oid, Packed] = {}
    for pack in packs:
        for position in pack.positions_in_file_order():
            entries.setdefault(pack.index.oid(position), Packed(pack, position))
    with PackWriter(database.directory / "pack") as writer:
        copy_entries(entries.values(), writer)
        written = writer.finish()
    return written.path if written is not None else None


def _remove(pack: Pack) -> None:
    """Take a pack away, the index first: without it git no longer looks for the pack.

    The mark goes last, so that gc can tell what a crash leaves from a pack that git is about to index.
    """
    for suffix in SUFFIXES:
        pack.path.with_suffix(suffix).unlink(missing_ok=True)


def _forget_multi_pack_index(directory: Path) -> None:
    """Remove an index over many packs, of somebody's `git maintenance`: it names packs that go.

    From git 2.47 on it can be a chain of files, in a directory, which are read by way of one that names them.
    """
    chain = directory / "multi-pack-index.d"
    (chain / "multi-pack-index-chain").unlink(missing_ok=True)
    for path in (*directory.glob("multi-pack-index*"), *chain.glob("*")):
        if path != chain:
            path.unlink(missing_ok=True)
    if chain.is_dir():
        chain.rmdir()
