"""Snapshots of a base's model that are newer than the base: what a derived model could rebase to."""

from __future__ import annotations

from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.models import snapshot as snapshots
from gitstore.models.base_url import resolve_base_url
from gitstore.models.model import Model, has_derived_model
from gitstore.models.snapshot import Snapshot
from gitstore.settings import BasedOn


def find_newer(model: Model) -> list[Snapshot]:
    """Return the snapshots of the base's model that were taken after the base, oldest first.

    None for a model without a base or with code of its own. A base behind a URL is not asked.
    """
    base = model.pinned_base
    repository = _find_repository(model, base) if base is not None else None
    if base is None or repository is None:
        return []
    prefix = f"{base.model}/" if has_derived_model(repository, base.model) else ""
    sibling = Model(repository, base.model, prefix)
    siblings = snapshots.keep_readable(lambda: snapshots.read_own_snapshots(sibling))
    positions = [number for number, one in enumerate(siblings) if str(one.commit) == base.commit]
    return siblings[positions[0] + 1 :] if positions else []


def _find_repository(model: Model, base: BasedOn) -> Repository | None:
    """Return the repository of a base, if it is on this machine and can be read."""
    url = resolve_base_url(model.repository, base)
    if url is None:
        return model.repository
    try:
        return Repository.discover(Path(url)) if Path(url).is_dir() else None
    except GitstoreError:
        return None
