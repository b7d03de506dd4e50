"""Creating a snapshot's ref. As soon as the ref exists, the snapshot does."""

from __future__ import annotations

from collections.abc import Sequence

from gitstore.errors import Corrupt, GitstoreError, SnapshotExists
from gitstore.git.refs import RefChange, RefChanged
from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.models.model import Model, check_name, has_derived_model
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid


def check_vacant(model: Model, name: str) -> None:
    """Raise `SnapshotExists` or `GitstoreError` unless `name` can become a snapshot of the model."""
    check_name(name, "snapshot")
    refs = model.repository.refs
    if refs.get(model.tag_ref(name)) is not None:
        raise SnapshotExists(
            f"the snapshot {name} already exists, and a snapshot never changes", "choose another name"
        )
    if refs.get(model.alias_ref(name)) is not None:
        raise GitstoreError(
            f"{name} is an alias, so it cannot be the name of a snapshot",
            f"choose another name, or remove the alias with gitstore alias rm {name}",
        )
    if not model.prefix and has_derived_model(model.repository, name):
        raise GitstoreError(
            f"{name} is the name of a derived model, so it cannot be the name of a snapshot",
            "choose another name",
        )


def create_ref(
    repository: Repository, ref: str, oid: Oid, *, reason: str, together: Sequence[RefChange] = ()
) -> Snapshot:
    """Point a new ref at a snapshot's tag. The changes `together` happen in the same transaction.

    Durable on return. Raises `SnapshotExists` if the ref exists by now, `RefChanged` if another ref has
    changed, and `Corrupt` if the tag cannot be read back. No ref has changed then.
    """
    created = snapshot.read(repository, ref, oid)  # before the ref: afterwards, nothing may fail
    if created is None:
        raise Corrupt(f"the tag for {ref} was written, but cannot be read back")
    try:
        repository.refs.change([*together, RefChange(ref, None, oid)], reason)
    except RefChanged as error:
        if error.ref != ref:
            raise
        name = ref.rpartition("/")[2]
        raise SnapshotExists(
            f"the snapshot {name} already exists: another command created it meanwhile", "choose another name"
        ) from error
    return created
