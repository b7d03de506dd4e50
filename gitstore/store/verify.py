"""Verifying all repositories of a store: every object is hashed again, and every snapshot is checked."""

from __future__ import annotations

from dataclasses import dataclass

from gitstore.errors import GitstoreError
from gitstore.progress import Progress, weigh
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
    store: Store,
    models: list[StoreModel] | None = None,
    *,
    expect: Progress = lambda _: None,
    progress: Progress = lambda _: None,
) -> list[VerifiedModel]:
    """Verify some models, or all. Writes nothing.

    `expect` is called once with the bytes of all packs, `progress` with those that were read.
    """
    chosen = store.models() if models is None else models
    sizes = [model.measure_packs() for model in chosen]
    expect(sum(sizes))
    verified = []
    for model, size in zip(chosen, sizes, strict=True):
        with weigh(progress, size) as (expect_objects, advance):
            try:
                verified.append(_verify(model.alone(), expect=expect_objects, progress=advance))
            except GitstoreError as error:
                verified.append(VerifiedModel(model.full_name, 0, (error.message,)))
    return verified


def _verify(model: StoreModel, *, expect: Progress, progress: Progress) -> VerifiedModel:
    repository = model.repository
    tags = verify.list_tags(repository, "refs/tags/", below=True)
    scope = verification.Scope(repository, tags, is_all=True)
    result = verification.run(scope, expect=expect, progress=progress)
    return VerifiedModel(model.full_name, len(tags), tuple(result.problems), tuple(result.notices))
