"""Fetching weights ahead, into a partial clone: those of the active state, of some snapshots, or all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from gitstore.git.repository import Repository
from gitstore.models import snapshot, state
from gitstore.models.model import Model
from gitstore.objects.walk import walk
from gitstore.packs.oid import Oid


class Weights(Enum):
    """Which weights a clone has from the beginning."""

    ALL = "all"  # the clone is whole, and so are later pulls
    ACTIVE = "active"
    NONE = "none"


def list_roots(model: Model, weights: Weights) -> list[Oid]:
    """Return the trees of the wanted weights: of all snapshots and saved states, or of the active one."""
    if weights is Weights.NONE:
        return []
    active = state.find_saved_tree(model, model.active_state)
    if weights is Weights.ACTIVE:
        return [active] if active is not None else []
    snapshots = snapshot.keep_readable(lambda: snapshot.read_all_snapshots(model.repository))
    saved = [model.repository.commit(oid).tree for _, oid in model.repository.refs.below("refs/states/")]
    return [*(one.tree for one in snapshots), *saved]


def provide(repository: Repository, roots: Iterable[Oid]) -> int:
    """Fetch what a partial clone lacks of some trees, and return the number of objects.

    Raises `GitstoreError` if the remote cannot be read. What has arrived then stays.
    """
    database = repository.objects
    missing = database.list_missing(walk(database, roots, lambda _: True))
    database.provide(missing)
    return len(missing)
