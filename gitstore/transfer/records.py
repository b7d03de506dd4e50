"""Records between repositories: each travels with the snapshot or the state that it is about.

Records are notes, with files in refs of their own (`records/`). Notes that were changed on both sides are
merged, and never forced. The other side gets no note about what it does not have.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gitstore.disk import locks
from gitstore.errors import Corrupt
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import snapshot as snapshots
from gitstore.names import name_problem
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.records import combine, files
from gitstore.transfer import wire
from gitstore.transfer.push_plan import RefKind, RefUpdate, WantedRef
from gitstore.transfer.remotes import Remote

_log = logging.getLogger(__name__)

_STATES = "refs/states/"


class _News(NamedTuple):
    """Refs of the other side that say something else than here: of notes, and of files of records."""

    notes: dict[str, Oid]
    files: dict[str, Oid]


def receive_records(
    repository: Repository, remote: Remote, theirs: Mapping[str, Oid], *, progress: Progress = lambda _: None
) -> bool:
    """Fetch the records about what is here, and merge them with those that are here; return whether any.

    Nothing that is here is lost. Notes that cannot be read are left out, and a warning says so. Raises
    `GitstoreError` if the connection breaks.
    """
    news = _find_news(repository, theirs)
    if not news.notes and not news.files:
        return False
    wanted = [ref for ref, oid in (news.notes | news.files).items() if oid not in repository.objects]
    with repository.writing(), locks.notes(repository.private):
        if wanted:
            wire.receive(repository, remote, wanted, progress=progress)
            repository.objects.refresh()
        changes = [*_combine_notes(repository, news, remote)]
        tips = {change.ref: change.new for change in changes}
        changes += _place_files(repository, news, tips)
        changes = [change for change in changes if change.old != change.new]
        if changes:
            repository.refs.change(changes, f"records from {remote}")
    return bool(changes)


def plan_records(
    repository: Repository, remote: Remote, theirs: Mapping[str, Oid], *, sent: Iterable[Oid], dry_run: bool
) -> list[RefUpdate]:
    """Return the refs of records that go with a push; `sent` are the tags, states and others that it sends.

    Records that were changed on both sides are fetched and merged first, unless it is a `dry_run`.
    """
    own = _list_own(repository)
    if not own.notes and not own.files:
        return []
    news = _find_news(repository, theirs)
    if not dry_run and (news.notes or news.files.keys() & own.files.keys()):
        receive_records(repository, remote, theirs)
        own, news = _list_own(repository), _find_news(repository, theirs)
    known = _Known(repository, {*theirs.values(), *sent})
    notes = {
        ref: combine.select_notes(repository, oid, theirs.get(ref), choose=known.choose)
        for ref, oid in own.notes.items()
        if ref not in news.notes and theirs.get(ref) != oid
    }
    targets = {ref: files.find_target(ref) for ref, oid in own.files.items() if theirs.get(ref) != oid}
    chosen = known.choose(target for target in targets.values() if target is not None)
    changed = {ref: own.files[ref] for ref, target in targets.items() if target in chosen}
    if dry_run:
        changed = {ref: oid for ref, oid in changed.items() if ref not in theirs}
    return [
        RefUpdate(WantedRef(ref, oid, RefKind.RECORD, ref.rpartition("/")[2]), theirs.get(ref))
        for ref, oid in (notes | changed).items()
        if oid is not None and oid != theirs.get(ref)
    ]


class _Known:
    """Tells which objects the other side has or gets: tags, and the trees of states."""

    def __init__(self, repository: Repository, oids: set[Oid]) -> None:
        self._repository = repository
        self._oids = oids
        self._trees: set[Oid] | None = None

    def choose(self, targets: Iterable[Oid]) -> set[Oid]:
        """Return those of some objects that the other side has."""
        listed = set(targets)
        if listed <= self._oids:
            return listed
        if self._trees is None:
            self._trees = self._list_trees()
        return {oid for oid in listed if oid in self._oids or oid in self._trees}

    def _list_trees(self) -> set[Oid]:
        repository = self._repository
        read = snapshots.keep_readable(lambda: snapshots.read_all_snapshots(repository))
        trees = {snapshot.state_tree for snapshot in read if snapshot.tag_oid in self._oids}
        states = (oid for _, oid in repository.refs.below(_STATES) if oid in self._oids)
        return trees | {repository.commit(oid).tree for oid in states}


def _list_own(repository: Repository) -> _News:
    tips = {ref: oid for ref in combine.NOTES if (oid := repository.refs.get(ref)) is not None}
    has_files = repository.refs.has_any_below(files.PREFIX)
    return _News(tips, dict(repository.refs.below(files.PREFIX)) if has_files else {})


def _find_news(repository: Repository, theirs: Mapping[str, Oid]) -> _News:
    """Find the notes that are not part of those here, and files of records about what is here."""
    own, objects = _list_own(repository), repository.objects
    notes = {}
    for ref in combine.NOTES:
        ours, tip = own.notes.get(ref), theirs.get(ref)
        is_old = tip in (None, ours) or (
            tip is not None and ours is not None and tip in objects and repository.is_ancestor(tip, ours)
        )
        if tip is not None and not is_old:
            notes[ref] = tip
    others = {ref: oid for ref, oid in theirs.items() if ref.startswith(files.PREFIX)}
    return _News(
        notes,
        {ref: oid for ref, oid in others.items() if own.files.get(ref) != oid and _is_about(repository, ref)},
    )


def _is_about(repository: Repository, ref: str) -> bool:
    """Whether a ref of files has a valid name, and is about an object that is here."""
    target = files.find_target(ref)
    return (
        target is not None and name_problem(ref.rpartition("/")[2]) is None and target in repository.objects
    )


def _combine_notes(repository: Repository, news: _News, remote: Remote) -> Iterable[RefChange]:
    for ref, theirs in news.notes.items():
        ours = repository.refs.get(ref)
        try:
            yield RefChange(ref, ours, combine.combine_tips(repository, ours, theirs))
        except Corrupt as error:
            _log.warning("%s was not fetched from %s: %s", ref, remote, error.message)


def _place_files(repository: Repository, news: _News, tips: Mapping[str, Oid | None]) -> list[RefChange]:
    """Return the changes of the refs of files. Where both sides have one name, the notes say what is what."""
    own = _list_own(repository)
    current = [tip for tip in (own.notes | dict(tips)).values() if tip is not None]
    placed: dict[str, Oid] = {}
    for ref, theirs in news.files.items():
        target = files.find_target(ref)
        ours = own.files.get(ref)
        if ours is None or target is None:
            placed[ref] = theirs
            continue
        names = combine.list_names(repository, current, target)
        for oid in (ours, theirs):
            for name in names.get(str(repository.commit(oid).tree), ()):
                placed[files.make_ref(target, name)] = oid
    return [RefChange(ref, own.files.get(ref), oid) for ref, oid in placed.items()]
