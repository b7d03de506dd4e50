"""Collecting garbage: what no ref, working copy or reflog needs stops costing.

Our packs lose their dead objects, and the leftovers of crashes go. What git wrote is git's to collect, in
its own time; it is only counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gitstore.errors import Corrupt, GitstoreError
from gitstore.git import worktrees
from gitstore.git.ref_record import Vanished
from gitstore.git.repository import Repository
from gitstore.names import spell_tag
from gitstore.objects import prune, tag
from gitstore.objects import walk as graph
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.prune import Change, Dead, Plan
from gitstore.objects.tag import Tag
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Packed
from gitstore.progress import Progress
from gitstore.storage import leftovers as orphans
from gitstore.storage.reachability import held, kept


@dataclass(frozen=True)
class Item:
    """Something that went, or would go: its name, and bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Rewritten:
    """A pack that was written anew without its dead objects: its name, and bytes before and after."""

    name: str
    before: int
    after: int


@dataclass(frozen=True)
class Collected:
    """What a collection did, or would do. All sizes are bytes.

    `snapshots` are removed ones, with what was in our packs for them alone. `left` is dead in large
    packs of ours that are mostly alive, `foreign` in packs and loose objects of git, which `elsewhere`
    names. `locks` are files, `damaged` directories of working copies that a git which was killed has left
    half-made.
    `vanished` are refs that are gone without gitstore, and whose objects are kept for now.
    """

    snapshots: list[Item]
    removed: list[Item]
    rewritten: list[Rewritten]
    leftovers: list[Item]
    freed: int
    left: int
    foreign: int
    elsewhere: list[Dead]
    locks: list[Path]
    vanished: list[Vanished]
    damaged: list[Path]


def gc(
    repository: Repository,
    *,
    dry_run: bool = False,
    prune_vanished: bool = False,
    expect: Progress = lambda _: None,
    progress: Progress = lambda _: None,
) -> Collected:
    """Drop what nothing needs; with `dry_run`, only find out what that is.

    What refs held that vanished without gitstore is kept for `gc.pruneExpire`, unless `prune_vanished`.
    Whatever ends it, every object that is needed is there. `expect` hears how many bytes the
    packs have that are removed or rewritten, `progress` of each pack's.
    Raises `Locked` while another gitstore command writes, and `Corrupt` if an object is missing that
    something needs.
    """
    _check_wanted(repository)
    with repository.collecting():
        objects = repository.objects
        before = prune.survey(objects)
        found = held(repository)
        vanished = [] if prune_vanished else [each for each in repository.vanished() if each.oid not in found]
        live = found | kept(repository, found, also=[each.oid for each in vanished])
        prune.check_known(objects, live)
        plan = prune.plan(before, live)
        snapshots = list(_snapshots(objects, plan, live))
        paths = orphans.orphans(repository)
        leftovers = [Item(path.name, orphans.size(path)) for path in paths]
        elsewhere = prune.dead_elsewhere(objects, live)
        changes: Collection[Change] = plan.changes
        if not dry_run:
            for path in paths:
                orphans.remove(path)
            expect(sum(change.pack.size for change in plan.changes))
            changes = prune.carry_out(objects, plan, before, progress=progress)
            repository.ref_record.update(dict(repository.refs.all()), vanished)
    return Collected(
        snapshots=snapshots,
        removed=[Item(each.pack.path.name, each.freed) for each in changes if not each.kept],
        rewritten=[
            Rewritten(each.pack.path.name, each.pack.size, each.size_after) for each in changes if each.kept
        ],
        leftovers=leftovers,
        freed=sum(change.freed for change in changes) + sum(item.size for item in leftovers),
        left=plan.left,
        foreign=sum(each.size for each in elsewhere),
        elsewhere=elsewhere,
        locks=orphans.stale_locks(repository),
        vanished=vanished,
        damaged=[each.path for each in worktrees.list_damaged(repository.common)],
    )


def with_leftovers(done: Collected, swept: Iterable[tuple[str, int]]) -> Collected:
    """A collection and what crashes left elsewhere: names and bytes."""
    more = [Item(name, size) for name, size in swept]
    return replace(
        done, leftovers=[*done.leftovers, *more], freed=done.freed + sum(item.size for item in more)
    )


def _check_wanted(repository: Repository) -> None:
    """git never deletes objects of a repository that says so, gitrepository-layout(5)."""
    if (repository.config("extensions.preciousObjects") or "").lower() in ("true", "yes", "on", "1"):
        raise GitstoreError(
            f"{repository.common} keeps all objects: extensions.preciousObjects is set",
            "somebody borrows its objects; git config --unset extensions.preciousObjects if nobody does",
        )


def _snapshots(objects: ObjectDatabase, plan: Plan, live: Collection[Oid]) -> Iterator[Item]:
    """The removed snapshots whose tags go, oldest first, with the bytes of the dead objects of each.

    What several of them have is counted for the first.
    """
    sizes: dict[Oid, int] = {}
    for change in plan.changes:
        for position in change.dropped:
            oid = change.pack.index.oid(position)
            if oid not in live:
                sizes[oid] = Packed(change.pack, position).disk_size
    for name, oid in sorted(_tags(objects, plan, sizes)):
        yield Item(name[1], _take(objects, oid, sizes))


def _tags(objects: ObjectDatabase, plan: Plan, dead: Collection[Oid]) -> set[tuple[tuple[float, str], Oid]]:
    """The dead tags of snapshots: their dates and names, and ids."""
    found = set()
    for change in plan.changes:
        for position in change.dropped:
            oid = change.pack.index.oid(position)
            if oid in dead and change.pack.header(position).kind is Kind.TAG:
                read = _read_tag(objects, oid)
                if read is not None:
                    found.add(((read.date.timestamp() if read.date else 0.0, spell_tag(read.name)), oid))
    return found


def _read_tag(objects: ObjectDatabase, oid: Oid) -> Tag | None:
    """A dead tag, if it was a snapshot's and can be read."""
    try:
        found = tag.parse(objects.read_as(Kind.TAG, oid))
    except (Corrupt, ValueError):
        return None
    return found if "Gitstore-Format" in found.trailers else None


def _take(objects: ObjectDatabase, root: Oid, sizes: dict[Oid, int]) -> int:
    """The bytes of all that can be reached from a dead object and is dead; they are taken out of `sizes`."""
    return sum(sizes.pop(oid) for oid in list(graph.walk(objects, [root], sizes.__contains__)))
