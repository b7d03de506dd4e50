"""Garbage collection: deleting the objects that no ref, working copy or reflog needs.

Dead objects are removed from gitstore's own packs, and leftovers of crashes are deleted. Packs and loose
objects that git wrote are left to git gc; their dead bytes are only counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gitstore.disk import directories
from gitstore.errors import Corrupt, GitstoreError
from gitstore.git import worktrees
from gitstore.git.ref_record import Vanished
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.names import spell_tag
from gitstore.objects import prune, tag
from gitstore.objects import walk as graph
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.prune import Dead, PackChange, Plan
from gitstore.objects.tag import Tag
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.pack import Packed
from gitstore.progress import Progress
from gitstore.records import files
from gitstore.storage import leftovers
from gitstore.storage.pack_by_git import pack_by_git
from gitstore.storage.reachability import find_held, find_kept


@dataclass(frozen=True)
class FreedItem:
    """Something that is removed: its name, and its bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class RewrittenPack:
    """A pack that is rewritten without its dead objects: its name, and its bytes before and after."""

    name: str
    before: int
    after: int


@dataclass(frozen=True)
class GcReport:
    """What a collection did, or would do. All sizes are bytes.

    `snapshots` are the removed snapshots whose objects are deleted, with the bytes that they alone had in
    gitstore's packs. `left` are dead bytes that stay in large packs of ours, because most of these is
    alive. `foreign` are dead bytes in the packs and loose objects of git that `elsewhere` lists. `locks`
    are lock files of git. `damaged` are directories of half-made working copies, which a killed git left.
    `vanished` are refs that are gone without gitstore; their objects are kept for now.
    """

    snapshots: list[FreedItem]
    removed: list[FreedItem]
    rewritten: list[RewrittenPack]
    leftovers: list[FreedItem]
    freed: int
    left: int
    foreign: int
    elsewhere: list[Dead]
    locks: list[Path]
    vanished: list[Vanished]
    damaged: list[Path]


def collect_garbage(
    repository: Repository,
    *,
    dry_run: bool = False,
    prune_vanished: bool = False,
    prepare: Callable[[], None] = lambda: None,
    expect: Progress = lambda _: None,
    progress: Progress = lambda _: None,
) -> GcReport:
    """Delete what nothing needs; with `dry_run`, only find out what that is.

    Objects of refs that vanished without gitstore are kept for `gc.pruneExpire`, unless `prune_vanished`.
    `prepare` is called when the repository is locked; if it raises, nothing is deleted.
    However the call ends, every object that is needed exists. `expect` is called once with the bytes of
    all packs that are removed or rewritten, `progress` with the bytes of each. Raises `Locked` while another
    gitstore command writes, and `Corrupt` if a needed object is missing.
    """
    _check_allowed(repository)
    with repository.collecting():
        prepare()
        objects = repository.objects
        survey = prune.survey(objects)
        live, vanished, orphans = _find_live(repository, prune_vanished=prune_vanished)
        prune.check_known(objects, live)
        plan = prune.plan(survey, live, with_deltas=True)
        paths = leftovers.find_leftovers(repository)
        report = _report(
            plan,
            snapshots=list(_find_removed_snapshots(objects, plan, live)),
            leftovers=[FreedItem(path.name, directories.measure_size(path)) for path in paths],
            elsewhere=prune.find_dead_elsewhere(objects, live),
            vanished=vanished,
        )
        if not dry_run:
            _clean_up(repository, paths, orphans)
            expect(sum(change.pack.size for change in plan.changes))
            report = _with_changes(report, _carry_out(repository, plan, survey, progress=progress))
            repository.ref_record.update(dict(repository.refs.all()), vanished)
    return _add_remains(report, repository)


def _add_remains(report: GcReport, repository: Repository) -> GcReport:
    """Return the report with what only a person can decide about."""
    damaged = [copy.path for copy in worktrees.list_damaged(repository.common)]
    return replace(report, locks=leftovers.find_git_locks(repository), damaged=damaged)


def _carry_out(
    repository: Repository, plan: Plan, survey: prune.Survey, *, progress: Progress
) -> list[PackChange]:
    """Carry out a plan; git rewrites packs with deltas."""
    repack = partial(pack_by_git, repository)
    return prune.carry_out(repository.objects, plan, survey, repack=repack, progress=progress)


class _Live(NamedTuple):
    """The objects that are needed, the vanished refs among what needs them, and refs that need nothing.

    `orphans` are the files of records whose snapshot or state is gone.
    """

    objects: set[Oid]
    vanished: list[Vanished]
    orphans: list[str]


def _find_live(repository: Repository, *, prune_vanished: bool) -> _Live:
    """Find out what is needed, as if the files of records of snapshots and states that are gone were gone."""
    held = find_held(repository)
    vanished = [] if prune_vanished else _find_unheld(repository, held)
    live = held | find_kept(repository, held, also=[ref.oid for ref in vanished])
    orphans = files.find_orphans((ref for ref, _ in repository.refs.all()), live)
    if orphans:
        held = find_held(repository, without=orphans)
        live = held | find_kept(repository, held, also=[ref.oid for ref in vanished])
    return _Live(live, vanished, orphans)


def _clean_up(repository: Repository, paths: Iterable[Path], refs: Sequence[str]) -> None:
    """Remove leftovers of crashes, and refs that nothing needs."""
    for path in paths:
        leftovers.remove_leftover(path)
    oids = {ref: repository.refs.get(ref) for ref in refs}
    changes = [RefChange(ref, oid, None) for ref, oid in oids.items() if oid is not None]
    if changes:
        repository.refs.change(changes, "gc of records")


def _find_unheld(repository: Repository, held: Collection[Oid]) -> list[Vanished]:
    """Return the vanished refs whose objects no other ref holds."""
    return [vanished for vanished in repository.find_vanished() if vanished.oid not in held]


def _report(
    plan: Plan,
    *,
    snapshots: list[FreedItem],
    leftovers: list[FreedItem],
    elsewhere: list[Dead],
    vanished: list[Vanished],
) -> GcReport:
    """Report what a collection would do."""
    report = GcReport(
        snapshots=snapshots,
        removed=[],
        rewritten=[],
        leftovers=leftovers,
        freed=0,
        left=plan.dead_kept,
        foreign=sum(dead.size for dead in elsewhere),
        elsewhere=elsewhere,
        locks=[],
        vanished=vanished,
        damaged=[],
    )
    return _with_changes(report, plan.changes)


def _with_changes(report: GcReport, changes: Collection[PackChange]) -> GcReport:
    """Return the report with these changes of packs, instead of those that were planned."""
    rewritten = [change for change in changes if change.kept_positions]
    return replace(
        report,
        removed=[
            FreedItem(change.pack.path.name, change.freed) for change in changes if not change.kept_positions
        ],
        rewritten=[
            RewrittenPack(change.pack.path.name, change.pack.size, change.size_after) for change in rewritten
        ],
        freed=sum(change.freed for change in changes) + sum(item.size for item in report.leftovers),
    )


def _check_allowed(repository: Repository) -> None:
    """Raise `GitstoreError` if the configuration forbids deleting objects (gitrepository-layout(5))."""
    if (repository.config("extensions.preciousObjects") or "").lower() in ("true", "yes", "on", "1"):
        raise GitstoreError(
            f"{repository.common} must keep all objects: extensions.preciousObjects is set",
            "other repositories may use its objects; if none does,"
            " run git config --unset extensions.preciousObjects",
        )


def _find_removed_snapshots(
    objects: ObjectDatabase, plan: Plan, live: Collection[Oid]
) -> Iterator[FreedItem]:
    """Yield the snapshots whose dead tags are deleted, oldest first, with the bytes of their dead objects.

    Objects of several of them are counted for the first.
    """
    sizes: dict[Oid, int] = {}
    for change in plan.changes:
        for position in change.dropped_positions:
            oid = change.pack.index.oid(position)
            if oid not in live:
                sizes[oid] = Packed(change.pack, position).disk_size
    for (_, name), oid in sorted(_find_dead_tags(objects, plan, sizes)):
        yield FreedItem(name, _pop_sizes(objects, oid, sizes))


def _find_dead_tags(
    objects: ObjectDatabase, plan: Plan, dead: Collection[Oid]
) -> set[tuple[tuple[float, str], Oid]]:
    """Return the dead tags of snapshots: date and name, and id."""
    tags = set()
    for change in plan.changes:
        for position in change.dropped_positions:
            oid = change.pack.index.oid(position)
            if oid in dead and change.pack.header(position).kind is Kind.TAG:
                dead_tag = _read_snapshot_tag(objects, oid)
                if dead_tag is not None:
                    date = dead_tag.date.timestamp() if dead_tag.date else 0.0
                    tags.add(((date, spell_tag(dead_tag.name)), oid))
    return tags


def _read_snapshot_tag(objects: ObjectDatabase, oid: Oid) -> Tag | None:
    """Read a tag; `None` if it is not a snapshot's, or cannot be read."""
    try:
        read = tag.parse(objects.read_as(Kind.TAG, oid))
    except (Corrupt, ValueError):
        return None
    return read if "Gitstore-Format" in read.trailers else None


def _pop_sizes(objects: ObjectDatabase, root: Oid, sizes: dict[Oid, int]) -> int:
    """Remove the dead objects that a dead one reaches from `sizes`; return their bytes."""
    return sum(sizes.pop(oid) for oid in list(graph.walk(objects, [root], sizes.__contains__)))
