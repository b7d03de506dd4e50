"""Removing snapshots: what that frees, who depends on them, and the removal itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitstore import dependents, usage
from gitstore.dependents import Dependents
from gitstore.errors import GitstoreError
from gitstore.objects.reachable import reachable
from gitstore.objects.refs import Change
from gitstore.objects.repository import Repository
from gitstore.snapshot import Snapshot


class Depended(GitstoreError):
    """A derived model is based on a snapshot that was to be removed."""


@dataclass(frozen=True)
class Removal:
    """What removing some snapshots of a repository would do.

    `exclusive` counts the bytes that they hold alone, together; `withheld` are those of them that
    reflogs, indexes or unfinished operations of git still need, so that gc leaves them for now.
    """

    repository: Repository
    snapshots: tuple[Snapshot, ...]
    exclusive: int
    withheld: int
    dependents: Dependents

    @property
    def names(self) -> str:
        """The snapshots, for a message."""
        return ", ".join(each.full_name for each in self.snapshots)


def examine(snapshots: Sequence[Snapshot]) -> Removal:
    """Find out what removing snapshots of one repository would free, and who depends on them."""
    repository = snapshots[0].repository
    refs = {each.ref for each in snapshots}
    sizes = usage.exclusive(repository, refs)
    withheld = sizes.keys() & reachable(repository, without=refs)
    return Removal(
        repository,
        tuple({each.ref: each for each in snapshots}.values()),
        sum(sizes.values()),
        sum(sizes[oid] for oid in withheld),
        dependents.of(repository, {each.commit for each in snapshots}),
    )


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


def remove(removal: Removal) -> None:
    """Delete the tags, all or none. The disk gets free with the next gc.

    Raises `RefChanged` if one was changed or removed meanwhile; nothing is removed then.
    """
    changes = [Change(each.ref, each.oid, None) for each in removal.snapshots]
    removal.repository.refs.change(changes, f"remove {removal.names}")
