"""Verifying all repositories of a store: every object is hashed again, and every snapshot is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gitstore.errors import GitstoreError
from gitstore.snapshots import verification, verify
from gitstore.store.store import Store, StoreModel


@dataclass(frozen=True)
class VerifiedModel:
    """What a verification of one model found. `notices` are warnings."""

    model: str
    snapshots: int
    problems: tuple[str, ...]
    notices: tuple[str, ...] = ()


def verify_store(
    store: Store, models: list[StoreModel] | None = None, *, progress: Callable[[str], None] = lambda _: None
) -> list[VerifiedModel]:
    """Verify some models, or all. Writes nothing. `progress` is called with the name of each."""
    verified = []
    for model in store.models() if models is None else models:
        progress(model.full_name)
        try:
            verified.append(_verify(model))
        except GitstoreError as error:
            verified.append(VerifiedModel(model.full_name, 0, (error.message,)))
    return verified


def _verify(model: StoreModel) -> VerifiedModel:
    repository = model.repository
    tags = verify.list_tags(repository, "refs/tags/", below=True)
    result = verification.run(verification.Scope(repository, tags, is_all=True))
    return VerifiedModel(model.full_name, len(tags), tuple(result.problems), tuple(result.notices))
