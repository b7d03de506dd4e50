"""Taking out of our packs what nothing needs any more.

A pack without a needed object goes. One with dead bytes is written anew without them if they are over
a fifth of it, or if it is small, so that it costs little; its entries are copied as they stand. The new
pack is complete and durable before the old one goes: a crash leaves objects twice, and the next
collection takes one copy for dead. Packs of git and of people, and loose objects, are left to them.

The caller holds the repository's lock alone. Git does not know that lock, but when it relies on an
object that is there already, it sets the time of its pack: a pack so touched meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from gitstore.objects.database import MissingObject, ObjectDatabase
from gitstore.objects.repack import LARGE_PACK, LINKED_PACK, remove_packs
from gitstore.packs import format as pack_format
from gitstore.packs.copy_entries import copy_entries
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack, Packed
from gitstore.packs.writer import PackWriter

MOST_DEAD = 5
"""A large pack is rewritten if more than one byte in so many is dead."""

_FRAME = pack_format.PACK_HEADER_SIZE + pack_format.TRAILER_SIZE

Survey = dict[Pack, int]
"""Our packs, and their times before anybody asked what is needed."""


@dataclass(frozen=True)
class Change:
    """What becomes of one pack: the positions that stay in file order, none if the pack goes.

    `freed` counts bytes on disk, `dropped` the objects that go, and `elsewhere` is where those of them
    stay that are needed.
    """

    pack: Pack
    kept: tuple[int, ...]
    dropped: tuple[int, ...]
    size_after: int
    freed: int
    elsewhere: tuple[Packed, ...] = ()

    @property
    def drops_commits(self) -> bool:
        return any(self.pack.header(position).kind is Kind.COMMIT for position in self.dropped)


@dataclass(frozen=True)
class Plan:
    """What a collection changes. `left` are the dead bytes in large packs that are mostly alive."""

    changes: tuple[Change, ...]
    left: int

    @property
    def freed(self) -> int:
        return sum(change.freed for change in self.changes)

    @property
    def packs(self) -> set[Path]:
        """The files of the packs that lose all that is dead in them."""
        return {change.pack.path for change in self.changes}


def survey(database: ObjectDatabase) -> Survey:
    """Our packs as they are. To be called before it is found out which objects are needed.

    Raises `Corrupt` if the index of one is damaged: what it says of objects cannot be relied on.
    """
    database.refresh()
    check_indexes(database)
    return {pack: pack.path.stat().st_mtime_ns for pack in database.own_packs if pack.is_ours}


def check_indexes(database: ObjectDatabase) -> None:
    """Raise `Corrupt` if the index of one of the repository's packs is damaged.

    That takes a look at all of each index, 28 bytes for each object, and at nothing else.
    """
    for error in database.damaged:
        raise error
    for pack in database.own_packs:
        pack.check_index()


def check_known(database: ObjectDatabase, live: Collection[Oid]) -> None:
    """Raise `Corrupt` unless every object that is needed is where we would find it.

    If git finds one that we do not (by a multi-pack-index, say), it may be among those that look dead.
    """
    database.refresh()
    missing = set(live)
    for pack in database.packs:
        missing.difference_update(pack.index.raw_oids())
    for oid in sorted(missing):
        if database.loose_path(oid) is None:
            raise MissingObject(oid)


def plan(packs: Iterable[Pack], live: Collection[Oid]) -> Plan:
    """What to do with our packs, where `live` are the objects that are needed.

    Of an object that is in several of them, the copy in the largest stays.
    """
    changes, left, owned = [], 0, dict[Oid, Packed]()
    for pack in sorted(packs, key=lambda pack: (-pack.size, pack.path)):
        kept, dropped, size = [], [], _FRAME
        for position in pack.positions_in_file_order():
            oid = pack.index.oid(position)
            if oid in live and oid not in owned:
                kept.append(position)
                owned[oid] = Packed(pack, position)
                size += owned[oid].disk_size
            else:
                dropped.append(position)
        dead = pack.size - size
        if kept and dead and _stays(pack, dead):
            left += dead
        elif dropped:
            elsewhere = tuple(owned[oid] for oid in map(pack.index.oid, dropped) if oid in owned)
            changes.append(_change(pack, kept, dropped, size=size, elsewhere=elsewhere))
    return Plan(tuple(changes), left)


def _stays(pack: Pack, dead: int) -> bool:
    """Whether a pack with dead bytes is left as it is: one with deltas, or a large one with few of them.

    To rewrite one that another repository has, too, would cost bytes and free none.
    """
    large = pack.size >= (LINKED_PACK if pack.is_linked else LARGE_PACK)
    return not pack.is_plain or (large and dead * MOST_DEAD <= pack.size)


def _change(
    pack: Pack, kept: list[int], dropped: list[int], *, size: int, elsewhere: tuple[Packed, ...]
) -> Change:
    gone = pack.size - size + pack_format.INDEX_ENTRY_SIZE * len(dropped) if kept else pack.disk_size
    return Change(pack, tuple(kept), tuple(dropped), size if kept else 0, gone, elsewhere)


def carry_out(
    database: ObjectDatabase,
    wanted: Plan,
    before: Survey,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Change]:
    """Do it; returns what was done. `progress` hears of the bytes of each pack.

    Raises `Corrupt` for a pack that is damaged and `GitstoreError` for a full disk; every object that
    is needed is there then, too.
    """
    done, written = [], set()
    if any(change.drops_commits for change in wanted.changes):
        _forget_commit_graph(database.directory)
    _check_copies(copy for change in wanted.changes for copy in change.elsewhere)
    for change in sorted(wanted.changes, key=lambda change: len(change.kept) > 0):
        if change.kept:
            written.add(_rewrite(database, change))
        # What was written may be, byte for byte, a pack that was there: then that one stays.
        if change.pack.path not in written and _is_untouched(change.pack, before[change.pack]):
            remove_packs(database, [change.pack])
            done.append(change)
        progress(change.pack.size)
    return done


def _check_copies(copies: Iterable[Packed]) -> None:
    """Raise `Corrupt` unless these are sound: the last sound copy of an object must not go."""
    by_git = set()
    for copy in copies:
        if copy.pack.is_plain:
            copy.pack.checked_entry(copy.position)
        else:
            by_git.add(copy.pack)  # a delta is as sound as all that it may build on
    for pack in by_git:
        pack.check_content()


def _rewrite(database: ObjectDatabase, change: Change) -> Path | None:
    """Write the objects that stay into a pack of their own; returns its file."""
    pack = change.pack
    with PackWriter(database.directory / "pack") as writer:
        copy_entries((Packed(pack, position) for position in change.kept), writer)
        written = writer.finish()
    return written.path if written is not None else None


def _forget_commit_graph(directory: Path) -> None:
    """Remove what `git gc` wrote of the commits there were: fsck misses those that go.

    git does without, and writes it anew when it collects next; the chain names the files beside it.
    """
    graphs = directory / "info" / "commit-graphs"
    for path in (directory / "info" / "commit-graph", graphs / "commit-graph-chain", *graphs.glob("*.graph")):
        path.unlink(missing_ok=True)


def _is_untouched(pack: Pack, stamp: int) -> bool:
    try:
        return pack.path.stat().st_mtime_ns == stamp
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class Dead:
    """Bytes of dead objects that are not ours to collect: in a pack, or loose where `pack` is `None`.

    `is_kept`, somebody's `.keep` makes git leave the pack, too.
    """

    pack: Path | None
    size: int
    is_kept: bool = False


def dead_elsewhere(database: ObjectDatabase, live: Collection[Oid]) -> list[Dead]:
    """The objects that nothing needs, in packs and loose objects that are not ours to collect."""
    dead = []
    for pack in database.own_packs:
        if not pack.is_ours:
            size = sum(size for oid, size in pack.disk_sizes() if oid not in live)
            dead.append(Dead(pack.path, size, pack.keep_path.exists()))
    dead.append(Dead(None, sum(path.stat().st_size for oid, path in database.loose() if oid not in live)))
    return [each for each in dead if each.size]
