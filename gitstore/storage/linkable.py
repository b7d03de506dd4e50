"""Which packs of a repository another one can link, and making more of them linkable.

A pack can be linked if all of its objects are needed. Merged packs, and packs of snapshots that later ones
changed in part, also have objects that are not. If too much would have to be copied out of such packs, they
are divided in their own repository. Then what is needed is linked, and the disk has it once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitstore.disk import locks
from gitstore.disk.atomic import TEMPORARY
from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.divide import divide_packs
from gitstore.objects.prune import MOST_DEAD
from gitstore.packs.oid import Oid
from gitstore.packs.pack import Pack, Packed

COPIED = 512 * 1024
"""Bytes that are copied rather than to divide a pack."""

COPIED_SHARE = 40
"""One in so many of the needed bytes is copied, too. Loose objects and packs of git are not counted here."""


MOST_COSTS = 2
"""Dividing a pack that another repository links may cost so many times the bytes of copying."""


class Linkable(NamedTuple):
    """Packs that can be linked, the other packs, and the missing objects that only the others have."""

    packs: list[Pack]
    others: list[Pack]
    missing: set[Oid]


def find_linkable(objects: ObjectDatabase, *, needed: frozenset[Oid], missing: Collection[Oid]) -> Linkable:
    """Find the packs that have only needed objects, most of which are `missing` in the target."""
    found = Linkable([], [], set(missing))
    for pack in sorted(objects.packs, key=lambda pack: (-pack.size, pack.path.name)):
        oids = set(pack.index.oids())
        if oids <= needed and _is_worth_linking(pack, oids - found.missing):
            found.packs.append(pack)
            found.missing.difference_update(oids)
        else:
            found.others.append(pack)
    return found


def divide_packs_for(
    directory: Path, source: Repository, *, needed: frozenset[Oid], missing: Collection[Oid]
) -> int:
    """Divide packs of the source until little is left to be copied into the target's pack `directory`.

    Returns the bytes that the disk has twice because of that. Never fails: what cannot be divided, or cannot
    be linked then, will be copied.
    """
    try:
        if not _choose(source, needed, missing) or not _is_own(source):
            return 0
        with locks.upkeep(source.private, wait=True) as is_held:
            source.objects.refresh()  # packs may have been merged or divided meanwhile
            chosen = _choose(source, needed, missing) if is_held else {}
            if not chosen or not _can_link(next(iter(chosen)), directory) or not _has_room(chosen):
                return 0
            wanted = {oid for oids in chosen.values() for oid in oids}
            return divide_packs(source.objects, list(chosen), wanted)
    except (GitstoreError, OSError):
        return 0


def _is_worth_linking(pack: Pack, existing: Collection[Oid]) -> bool:
    """Whether so few of the pack's objects are `existing` that linking it beats copying the missing ones."""
    return len(existing) < pack.index.count and _measure(pack, existing) * MOST_DEAD <= pack.size


def _choose(source: Repository, needed: frozenset[Oid], missing: Collection[Oid]) -> dict[Pack, set[Oid]]:
    """Choose the packs to divide, with the missing objects of each; those first of which most is missing."""
    found = find_linkable(source.objects, needed=needed, missing=missing)
    own = set(source.objects.own_packs)
    shares: dict[Pack, set[Oid]] = {}
    sizes: dict[Pack, int] = {}
    for pack in found.others:
        oids = found.missing.intersection(pack.index.oids())
        if pack in own and _can_divide(pack, size := _measure(pack, oids)):
            shares[pack], sizes[pack] = oids, size
            found.missing.difference_update(oids)
    remaining = sum(sizes.values())
    allowed = COPIED + (remaining + sum(pack.size for pack in found.packs)) // COPIED_SHARE
    chosen = {}
    for pack in sorted(shares, key=lambda pack: sizes[pack] / pack.size, reverse=True):
        if remaining > allowed:
            chosen[pack] = shares[pack]
            remaining -= sizes[pack]
    return chosen


def _can_divide(pack: Pack, size: int) -> bool:
    """Whether a pack may be divided of which so many bytes are missing.

    A pack of git has deltas. Dividing one that another repository links costs all of its bytes.
    """
    return pack.is_plain and (size * MOST_COSTS >= pack.size or not pack.is_linked)


def _measure(pack: Pack, oids: Iterable[Oid]) -> int:
    """Return the bytes that objects have in a pack, if they are in it."""
    positions = map(pack.index.find, oids)
    return sum(Packed(pack, position).disk_size for position in positions if position is not None)


def _is_own(source: Repository) -> bool:
    return not source.is_foreign and os.access(source.objects.directory / "pack", os.W_OK)


def _has_room(packs: Collection[Pack]) -> bool:
    """Whether the new packs leave as much room on the disk as they take while the old ones exist."""
    path = next(iter(packs)).path
    return shutil.disk_usage(path.parent).free >= 2 * sum(pack.size for pack in packs)


def _can_link(pack: Pack, directory: Path) -> bool:
    """Whether the file system, and its rules for files of other users, allow a link to a file of the pack."""
    trial = directory / f"{TEMPORARY}link-{os.getpid()}"
    with suppress(OSError):
        os.link(pack.index.path, trial)
        trial.unlink()
        return True
    return False
