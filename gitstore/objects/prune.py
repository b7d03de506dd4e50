"""Removing dead objects from our packs.

A pack without a live object is removed. A pack with dead bytes is rewritten without them if they are over a
fifth of it, or if it is small. Entries are copied as they are. The new pack is complete and durable before
the old one is removed. A crash leaves objects twice, and the next collection treats one copy as dead. Packs
of git and of people, and loose objects, are left alone.

The caller holds the repository's lock alone. Git does not know that lock. But when git relies on an existing
object instead of writing it, it updates the time of its pack. A pack whose time has changed stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gitstore.objects.database import MissingObject, ObjectDatabase
from gitstore.objects.repack import LARGE_PACK, LINKED_PACK, copy_into_pack, remove_packs
from gitstore.packs import format as pack_format
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Pack, Packed

MOST_DEAD = 5
"""A large pack is rewritten if more than one in this many of its bytes is dead."""

_OVERHEAD = pack_format.PACK_HEADER_SIZE + pack_format.TRAILER_SIZE

Survey = dict[Pack, int]
"""Our packs, with their modification times in nanoseconds before the live objects were determined."""


@dataclass(frozen=True)
class PackChange:
    """What happens to one pack: `kept_positions`, in file order, stay; if there are none, the pack is
    removed.

    `dropped_positions` are those of removed objects, `elsewhere` the other copies of those that are live,
    `freed` the bytes on disk.
    """

    pack: Pack
    kept_positions: tuple[int, ...]
    dropped_positions: tuple[int, ...]
    size_after: int
    freed: int
    elsewhere: tuple[Packed, ...] = ()

    @property
    def drops_commits(self) -> bool:
        return any(self.pack.header(position).kind is Kind.COMMIT for position in self.dropped_positions)


@dataclass(frozen=True)
class Plan:
    """What a collection changes. `dead_kept` counts dead bytes that stay in packs that are mostly live."""

    changes: tuple[PackChange, ...]
    dead_kept: int

    @property
    def freed(self) -> int:
        return sum(change.freed for change in self.changes)

    @property
    def packs(self) -> set[Path]:
        """The paths of the packs that lose their dead objects."""
        return {change.pack.path for change in self.changes}


def survey(database: ObjectDatabase) -> Survey:
    """Return our packs with their times. To be called before the live objects are determined.

    Raises `Corrupt` if the index of a pack is damaged.
    """
    database.refresh()
    check_indexes(database)
    return {pack: pack.path.stat().st_mtime_ns for pack in database.own_packs if pack.is_ours}


def check_indexes(database: ObjectDatabase) -> None:
    """Raise `Corrupt` if the index of one of the repository's packs is damaged.

    This reads all of each index, 28 bytes for each object, and nothing else.
    """
    for error in database.damaged:
        raise error
    for pack in database.own_packs:
        pack.check_index()


def check_known(database: ObjectDatabase, live: Collection[Oid]) -> None:
    """Raise `Corrupt` unless we can find every live object.

    A live object that only git finds, by a multi-pack-index for instance, may be among those that look dead.
    """
    database.refresh()
    missing = set(live)
    for pack in database.packs:
        missing.difference_update(pack.index.raw_oids())
    for oid in sorted(missing):
        if database.loose_path(oid) is None:
            raise MissingObject(oid)


Repack = Callable[[list[Oid]], Path]
"""Lets git write a pack of some objects, and returns its path."""


def plan(packs: Iterable[Pack], live: Collection[Oid], *, with_deltas: bool = False) -> Plan:
    """Return what to do with our packs. Of an object in several packs, the copy in the largest stays.

    But one in a pack that another repository links goes before: removing that would free nothing. Packs with
    deltas are only rewritten if git can do that: `with_deltas`.
    """
    changes, dead_kept, owned = [], 0, dict[Oid, Packed]()
    for pack in sorted(packs, key=lambda pack: (not pack.is_linked, -pack.size, pack.path)):
        kept_positions, dropped_positions, size = [], [], _OVERHEAD
        for position in pack.positions_in_file_order():
            oid = pack.index.oid(position)
            if oid in live and oid not in owned:
                kept_positions.append(position)
                owned[oid] = Packed(pack, position)
                size += owned[oid].disk_size
            else:
                dropped_positions.append(position)
        dead = pack.size - size
        if kept_positions and dead and _stays_whole(pack, dead, with_deltas=with_deltas):
            dead_kept += dead
        elif dropped_positions:
            elsewhere = tuple(owned[oid] for oid in map(pack.index.oid, dropped_positions) if oid in owned)
            changes.append(_change(pack, kept_positions, dropped_positions, size=size, elsewhere=elsewhere))
    return Plan(tuple(changes), dead_kept)


def _stays_whole(pack: Pack, dead: int, *, with_deltas: bool) -> bool:
    """Whether a pack with dead bytes stays as it is: it has deltas, or is large with few dead bytes.

    Rewriting a pack that another repository links would cost bytes and free none. One of a partial clone
    stays, because what is rewritten would no longer tell git what was left out.
    """
    large = pack.size >= (LINKED_PACK if pack.is_linked else LARGE_PACK)
    is_fixed = not pack.is_plain and (not with_deltas or pack.is_promised)
    return is_fixed or (large and dead * MOST_DEAD <= pack.size)


def _change(
    pack: Pack,
    kept_positions: list[int],
    dropped_positions: list[int],
    *,
    size: int,
    elsewhere: tuple[Packed, ...],
) -> PackChange:
    freed = (
        pack.size - size + pack_format.INDEX_ENTRY_SIZE * len(dropped_positions)
        if kept_positions
        else pack.disk_size
    )
    return PackChange(
        pack, tuple(kept_positions), tuple(dropped_positions), size if kept_positions else 0, freed, elsewhere
    )


def carry_out(
    database: ObjectDatabase,
    plan: Plan,
    before: Survey,
    *,
    repack: Repack | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> list[PackChange]:
    """Carry out a plan; return the changes that were made. `progress` is called with the bytes of each pack.

    `repack` rewrites packs with deltas; a plan `with_deltas` needs it.

    Raises `Corrupt` for a damaged pack and `GitstoreError` for a full disk. Even then, no live object is
    lost.
    """
    carried_out, written = [], set()
    if any(change.drops_commits for change in plan.changes):
        _forget_commit_graph(database.directory)
    _check_copies(copy for change in plan.changes for copy in change.elsewhere)
    for change in sorted(plan.changes, key=lambda change: len(change.kept_positions) > 0):
        if change.kept_positions:
            path = _rewrite(database, change, repack)
            written.add(path)
            change = _measure(change, path)
        # If the new pack has the name and bytes of an existing one, that one stays.
        if change.pack.path not in written and _is_untouched(change.pack, before[change.pack]):
            remove_packs(database, [change.pack])
            carried_out.append(change)
        progress(change.pack.size)
    return carried_out


def _check_copies(copies: Iterable[Packed]) -> None:
    """Raise `Corrupt` unless these copies are sound: the last sound copy of an object must not be removed."""
    by_git = set()
    for copy in copies:
        if copy.pack.is_plain:
            copy.pack.checked_entry(copy.position)
        else:
            by_git.add(copy.pack)  # a delta is only sound if all of its bases are
    for pack in by_git:
        pack.check_content()


def _measure(change: PackChange, path: Path | None) -> PackChange:
    """Return a change with the real size of the pack that git wrote: it chooses deltas anew."""
    if change.pack.is_plain or path is None:
        return change
    size = path.stat().st_size
    return replace(change, size_after=size, freed=change.freed + change.size_after - size)


def _rewrite(database: ObjectDatabase, change: PackChange, repack: Repack | None) -> Path | None:
    """Write the kept objects into a new pack; return its path."""
    if repack is not None and not change.pack.is_plain:
        change.pack.check_content()  # nothing would reveal damage in the copy
        return repack([change.pack.index.oid(position) for position in change.kept_positions])
    return copy_into_pack(database, (Packed(change.pack, position) for position in change.kept_positions))


def _forget_commit_graph(directory: Path) -> None:
    """Remove the commit graph that `git gc` wrote: fsck would miss the removed commits that it names.

    Git works without it, and its next gc writes it again. The chain file names the `.graph` files.
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
    """Bytes of dead objects that git must collect: in a pack, or loose if `pack` is `None`.

    If `is_kept`, another program's `.keep` prevents git from collecting the pack.
    """

    pack: Path | None
    size: int
    is_kept: bool = False


def find_dead_elsewhere(database: ObjectDatabase, live: Collection[Oid]) -> list[Dead]:
    """Return the dead objects in packs that are not ours, and the dead loose objects."""
    dead = []
    for pack in database.own_packs:
        if not pack.is_ours:
            size = sum(size for oid, size in pack.disk_sizes() if oid not in live)
            dead.append(Dead(pack.path, size, pack.keep_path.exists()))
    dead.append(
        Dead(None, sum(path.stat().st_size for oid, path in database.list_loose() if oid not in live))
    )
    return [objects for objects in dead if objects.size]
