"""Removing snapshots: what that frees, who depends on them, and the removal itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

from gitstore.disk import locks
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PreRm
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import dependents
from gitstore.models.dependents import Dependents
from gitstore.models.snapshot import Snapshot
from gitstore.objects import prune
from gitstore.packs.oid import Oid
from gitstore.storage import usage
from gitstore.storage.reachability import find_held, find_kept


class Depended(GitstoreError):
    """A derived model is based on a snapshot that was to be removed."""


@dataclass(frozen=True)
class Removal:
    """What removing some snapshots of a repository would do.

    `exclusive` counts the bytes that they hold alone, together. gc leaves some of them for now:
    `needed` by reflogs, indexes or unfinished operations of git, or by refs that vanished lately; and
    `lasting`, in packs of which too little is dead to write them anew, or that are git's to collect.
    """

    repository: Repository
    snapshots: tuple[Snapshot, ...]
    exclusive: int
    needed: int
    lasting: int
    dependents: Dependents

    @property
    def withheld(self) -> int:
        """Bytes that the next gc leaves."""
        return self.needed + self.lasting

    @property
    def names(self) -> str:
        """The snapshots, for a message."""
        return ", ".join(each.short_name for each in self.snapshots)


def examine(snapshots: Sequence[Snapshot]) -> Removal:
    """Find out what removing snapshots of one repository would free, and who depends on them."""
    repository = snapshots[0].repository
    refs = {each.ref for each in snapshots}
    others = find_held(repository, without=refs)
    sizes = usage.measure_exclusive(repository, refs, others)
    needed = find_kept(repository, others, also=[each.oid for each in repository.vanished()])
    dead = sizes.keys() - needed
    return Removal(
        repository,
        tuple({each.ref: each for each in snapshots}.values()),
        exclusive=sum(sizes.values()),
        needed=sum(sizes[oid] for oid in sizes.keys() & needed),
        lasting=sum(sizes[oid] for oid in _lasting(repository, dead, others | needed)),
        dependents=dependents.of(repository, {each.commit for each in snapshots}),
    )


def _lasting(repository: Repository, dead: Set[Oid], live: Set[Oid]) -> Iterator[Oid]:
    """Those of the dead objects that lie where gc would leave them."""
    objects = repository.objects
    collected = prune.plan(prune.survey(objects), live).packs
    for oid in dead:
        packed = objects.find(oid)
        if packed is None or packed.pack.path not in collected:
            yield oid


def check(removal: Removal) -> None:
    """Raise `Depended` if a derived model is based on one of the snapshots."""
    models = removal.dependents.models
    if models:
        based = f"{'is' if len(models) == 1 else 'are'} based on"
        which = removal.names if len(removal.snapshots) == 1 else f"snapshots among {removal.names}"
        raise Depended(
            f"{', '.join(models)} {based} {which}",
            "--force removes them all the same: derived models keep what they need by their history",
        )


def remove(removal: Removal, *, force: bool = False, ask_hook: bool = True) -> None:
    """Delete the tags, all or none. The disk gets free with the next gc.

    The hook pre-rm is asked of each snapshot first, unless `ask_hook` is false. Raises `HookRefused`,
    `RefChanged` if a tag was changed or removed meanwhile, and, unless `force`, `Depended` if a model was
    derived meanwhile; nothing is removed then.
    """
    repository = removal.repository
    for each in removal.snapshots if ask_hook else ():
        dispatch.call_pre_hook(repository, intention(each, removal.snapshots))
    with locks.derivation(repository.private):
        if not force:
            now = dependents.of(repository, {each.commit for each in removal.snapshots})
            check(replace(removal, dependents=now))
        changes = [RefChange(each.ref, each.oid, None) for each in removal.snapshots]
        repository.refs.change(changes, f"remove {removal.names}")


def intention(found: Snapshot, together: Sequence[Snapshot]) -> PreRm:
    """What the hook pre-rm is told of a snapshot that goes with others."""
    return PreRm(
        model=found.model,
        snapshot=found.name,
        ref=found.ref,
        tag=str(found.oid),
        commit=str(found.commit),
        snapshots=[each.short_name for each in together],
    )
