"""What depends on a snapshot: the derived models that are pinned to its commit, and their snapshots."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gitstore import settings
from gitstore.git.refs import RefListing
from gitstore.git.repository import Repository
from gitstore.models import catalog as models
from gitstore.models import snapshot
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid


@dataclass(frozen=True)
class Dependents:
    """The names of derived models, and the full names of snapshots of derived models."""

    models: tuple[str, ...]
    snapshots: tuple[str, ...]


def find_dependents(repository: Repository, commits: Collection[Oid]) -> Dependents:
    """Find what is based on snapshots of these commits, in the same repository.

    They go by the commit, which no removal and no renaming of the tag can take from them.
    """
    commit_ids = {str(commit) for commit in commits}
    refs = repository.refs.list_below("refs/").refs
    pinned = [
        name
        for name, base in models.find_bases(
            repository, refs.items(), [commit_id.encode() for commit_id in commit_ids]
        ).items()
        if base.commit in commit_ids and not base.detached
    ]
    # Most tags are of the root model, whose snapshots are based on nothing.
    tags = {ref: oid for ref, oid in refs.items() if ref.startswith("refs/tags/") and ref.count("/") > 2}
    return Dependents(tuple(pinned), tuple(_list_dependent_snapshots(repository, tags, commit_ids)))


def _list_dependent_snapshots(
    repository: Repository, tags: dict[str, Oid], commits: Collection[str]
) -> Iterator[str]:
    snapshots = snapshot.keep_readable(lambda: snapshot.read_snapshots(repository, RefListing(tags, ())))
    words = [each.encode() for each in commits]
    bases: dict[Oid, str | None] = {}  # thousands of snapshots share a few settings
    for each in snapshots:
        if each.settings_blob not in bases:
            mentioned = any(word in each.settings_content for word in words)
            bases[each.settings_blob] = _find_base_commit(each) if mentioned else None
        if bases[each.settings_blob] in commits:
            yield each.short_name


def _find_base_commit(of: Snapshot) -> str | None:
    identity = settings.identify(of.settings_content)
    base = identity.local_base if identity is not None else None
    return base.commit if base is not None else None
