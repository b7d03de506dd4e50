"""Which environments the working copies and the snapshots of a repository run in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from gitstore.environments.spec import choose_spec
from gitstore.environments.store import EnvironmentStore
from gitstore.errors import GitstoreError
from gitstore.layout import LOCK
from gitstore.models import snapshot as snapshots
from gitstore.models.model import Model
from gitstore.models.snapshot import UnreadableSnapshots
from gitstore.settings import Packages


def find_uses(model: Model, store: EnvironmentStore) -> dict[str, list[str]]:
    """Return what uses each environment, by its key: names of models, and of snapshots as MODEL@NAME.

    What cannot be read, has a packages.lock that is not current, or needs an interpreter that is missing,
    uses none.
    """

    @cache
    def identify(packages: Packages, lock: bytes | None) -> str | None:
        with suppress(GitstoreError):
            return store.identify(choose_spec(packages, lock))
        return None

    uses: dict[str, list[str]] = defaultdict(list)
    for name, packages, lock in _list_requests(model):
        key = identify(packages, lock)
        if key is not None:
            uses[key].append(name)
    return dict(uses)


def _list_requests(model: Model) -> Iterator[tuple[str, Packages, bytes | None]]:
    """Yield what each working copy and each snapshot asks for, with its name."""
    for worktree in model.repository.worktrees():
        with suppress(GitstoreError, OSError):
            other = Model.identify(worktree.directory)
            yield other.name, other.settings.packages, other.read_top_file(LOCK)
    try:
        readable = snapshots.read_all_snapshots(model.repository)
    except UnreadableSnapshots as error:
        readable = list(error.readable)
    for snapshot in readable:
        with suppress(GitstoreError):
            yield snapshot.full_name, snapshot.settings.packages, snapshot.lock_content
