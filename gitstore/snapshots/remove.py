"""Removing snapshots: what that frees, which models are based on them, and the removal itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace

from gitstore.disk import locks
from gitstore.errors import GitstoreError
from gitstore.events import dispatch, journal
from gitstore.events.events import PreRm
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import alias, dependents
from gitstore.models.dependents import Dependents
from gitstore.models.reference import SeveralRepositories
from gitstore.models.snapshot import Snapshot
from gitstore.objects import prune
from gitstore.packs.oid import Oid
from gitstore.records import forget
from gitstore.storage import usage
from gitstore.storage.reachability import find_held, find_kept


class HasDependents(GitstoreError):
    """A derived model is based on a snapshot that was to be removed."""


class HasAliases(GitstoreError):
    """A snapshot that was to be removed has an alias."""


@dataclass(frozen=True)
class Removal:
    """What removing some snapshots of a repository would do.

    `exclusive` are the bytes that only these snapshots hold. The next gc leaves two kinds of them:
    `needed` bytes are held by reflogs, indexes, unfinished operations of git or refs that vanished lately.
    `lasting` bytes are in packs with too few dead bytes to be rewritten, or in packs that git collects.
    `aliases` are those that one of the snapshots has; they stay, and lead nowhere then.
    """

    repository: Repository
    snapshots: tuple[Snapshot, ...]
    exclusive: int
    needed: int
    lasting: int
    dependents: Dependents
    aliases: tuple[str, ...] = ()

    @property
    def withheld(self) -> int:
        """Bytes that the next gc leaves."""
        return self.needed + self.lasting

    @property
    def names(self) -> str:
        """The snapshots' names, for a message."""
        return ", ".join(snapshot.short_name for snapshot in self.snapshots)


def plan_removal(snapshots: Sequence[Snapshot]) -> Removal:
    """Find out what removing snapshots would free, and which models are based on them.

    Raises `SeveralRepositories`.
    """
    repository = snapshots[0].repository
    if any(snapshot.repository.common != repository.common for snapshot in snapshots):
        raise SeveralRepositories("remove the snapshots of one repository at a time")
    refs = {snapshot.ref for snapshot in snapshots} | _list_record_refs(repository, snapshots)
    held = find_held(repository, without=refs)
    sizes = usage.measure_exclusive(repository, refs, held)
    needed = find_kept(repository, held, also=[ref.oid for ref in repository.find_vanished()])
    dead = sizes.keys() - needed
    return Removal(
        repository,
        tuple({snapshot.ref: snapshot for snapshot in snapshots}.values()),
        exclusive=sum(sizes.values()),
        needed=sum(sizes[oid] for oid in sizes.keys() & needed),
        lasting=sum(sizes[oid] for oid in _find_lasting(repository, dead, held | needed)),
        dependents=dependents.find_dependents(repository, {snapshot.commit for snapshot in snapshots}),
        aliases=_find_aliases(repository, snapshots),
    )


def _find_aliases(repository: Repository, snapshots: Iterable[Snapshot]) -> tuple[str, ...]:
    tags = {snapshot.tag_oid for snapshot in snapshots}
    aliases = alias.select_by_tags(alias.list_all_aliases(repository), tags)
    return tuple(named.short_name for named in aliases)


def _list_record_refs(repository: Repository, snapshots: Iterable[Snapshot]) -> set[str]:
    """Return the refs of the files of all evaluation records of snapshots."""
    changes = forget.plan_removal(repository, {snapshot.tag_oid for snapshot in snapshots})
    return {change.ref for change in changes}


def _find_lasting(repository: Repository, dead: Set[Oid], live: Set[Oid]) -> Iterator[Oid]:
    """Yield those of the dead objects that gc would leave where they are."""
    objects = repository.objects
    collected = prune.plan(prune.survey(objects), live, with_deltas=True).packs
    for oid in dead:
        packed = objects.find(oid)
        if packed is None or packed.pack.path not in collected:
            yield oid


def check_dependents(removal: Removal) -> None:
    """Raise `HasDependents` if a derived model is based on one of the snapshots."""
    models = removal.dependents.models
    if models:
        based = f"{'is' if len(models) == 1 else 'are'} based on"
        snapshots = removal.names if len(removal.snapshots) == 1 else f"snapshots among {removal.names}"
        raise HasDependents(
            f"{', '.join(models)} {based} {snapshots}",
            "--force removes them anyway; the history of a derived model keeps what the model needs",
        )


def check_aliases(removal: Removal) -> None:
    """Raise `HasAliases` if one of the snapshots has an alias."""
    if removal.aliases:
        raise HasAliases(
            f"{removal.names} {'has' if len(removal.snapshots) == 1 else 'have'} the"
            f" {'alias' if len(removal.aliases) == 1 else 'aliases'} {', '.join(removal.aliases)}",
            f"move it with gitstore alias set {removal.aliases[0]} SNAPSHOT;"
            " --force removes the snapshot anyway, and then the alias leads nowhere",
        )


def remove(removal: Removal, *, force: bool = False, call_hook: bool = True) -> None:
    """Delete the tags and the files of their records, all or none. The next gc frees the disk.

    The hook pre-rm is called for each snapshot first, unless `call_hook` is false. Raises `HookRefused` if it
    refuses, `RefChanged` if a tag has changed or vanished meanwhile, and, unless `force`, `HasDependents` or
    `HasAliases` if a model has been derived or an alias set meanwhile. Nothing is removed then.
    """
    repository = removal.repository
    journal.observe(repository)
    for snapshot in removal.snapshots if call_hook else ():
        dispatch.call_pre_hook(repository, build_pre_rm(snapshot, removal.snapshots))
    with locks.derivation(repository.private):
        if not force:
            current = dependents.find_dependents(
                repository, {snapshot.commit for snapshot in removal.snapshots}
            )
            check_dependents(replace(removal, dependents=current))
            check_aliases(replace(removal, aliases=_find_aliases(repository, removal.snapshots)))
        changes = [RefChange(snapshot.ref, snapshot.tag_oid, None) for snapshot in removal.snapshots]
        tags = {snapshot.tag_oid for snapshot in removal.snapshots}
        changes += forget.plan_removal(repository, tags)
        repository.refs.change(changes, f"remove {removal.names}")
    forget.drop_notes(repository, tags)
    journal.observe(repository)


def build_pre_rm(snapshot: Snapshot, together: Sequence[Snapshot]) -> PreRm:
    """Build the event that the hook pre-rm gets for a snapshot. `together` are all that would be removed."""
    return PreRm(
        model=snapshot.model,
        snapshot=snapshot.name,
        ref=snapshot.ref,
        tag=str(snapshot.tag_oid),
        commit=str(snapshot.commit),
        snapshots=[removed.short_name for removed in together],
    )
