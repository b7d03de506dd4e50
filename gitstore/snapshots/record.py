"""Giving a snapshot its name: from the moment its tag has the ref, the snapshot is there."""

from __future__ import annotations

from collections.abc import Sequence

from gitstore.errors import Corrupt, GitstoreError, SnapshotExists
from gitstore.git.refs import RefChange, RefChanged
from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.models.model import Model, check_name, is_derived
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid


def check_vacant(model: Model, name: str) -> None:
    """Raise `GitstoreError` unless `name` can become a snapshot of the model."""
    check_name(name, "snapshot")
    refs = model.repository.refs
    if refs.get(model.tag_ref(name)) is not None:
        raise SnapshotExists(
            f"the snapshot {name} exists already, and a snapshot never changes", "choose another name"
        )
    if not model.prefix and is_derived(model.repository, name):
        raise GitstoreError(
            f"{name} is the name of a derived model, so no snapshot can have it", "choose another name"
        )


def record(
    repository: Repository, ref: str, oid: Oid, reason: str, *, instead_of: Sequence[RefChange] = ()
) -> Snapshot:
    """Point a new ref at a snapshot's tag, and make the changes `instead_of` which it is, all or none.

    Durable on return. Raises `GitstoreError` if the name was taken meanwhile, `RefChanged` if another
    ref was changed, and `Corrupt` if the tag cannot be read back. Nothing has a new name then.
    """
    name = ref.rpartition("/")[2]
    found = snapshot.read(repository, ref, oid)  # now: once it has its name, the snapshot is taken
    if found is None:
        raise Corrupt(f"the tag for {ref} was written, but cannot be read back")
    try:
        repository.refs.change([*instead_of, RefChange(ref, None, oid)], reason)
    except RefChanged as error:
        if error.ref != ref:
            raise
        raise SnapshotExists(
            f"the snapshot {name} exists already: somebody took it meanwhile", "choose another name"
        ) from error
    return found
