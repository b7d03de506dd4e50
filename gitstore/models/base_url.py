"""Where the repository of a base is, if the settings say that relative to where the model itself came from.

A model that was derived in a store has such a URL: whoever may reach the one repository, by whatever way, may
reach the other by the same.
"""

from __future__ import annotations

import os
from pathlib import Path

from gitstore.git.repository import Repository
from gitstore.settings import BasedOn
from gitstore.url import is_relative, is_url, join_url, without_credentials

_ORIGIN = "origin"


def resolve_base_url(repository: Repository, base: BasedOn) -> str | None:
    """Return the URL or path of the repository that a base is in; `None` if it is in the model's own."""
    return None if base.url is None else resolve_url(repository, base.url)


def resolve_url(repository: Repository, url: str) -> str:
    """Return what a URL in the settings of a model means; it may have credentials of the model's remote.

    A relative one starts where the model was cloned from: at the remote of the branch or else at `origin`,
    as in git-submodule(1); without a remote, at the repository itself. If it leads above the root of a host,
    it is returned as it is, and nothing is found there.
    """
    if not is_relative(url):
        return url
    start = _find_origin(repository)
    if not is_url(start):
        start = os.path.normpath(_find_top(repository) / start)
    return join_url(start, url) or url


def keep_relative(repository: Repository, base: BasedOn | None, url: str) -> str:
    """Return what is recorded for a URL or path: the base's own, if that is relative and leads there."""
    if base is None or base.url is None or not is_relative(base.url):
        return url
    resolved = resolve_url(repository, base.url)
    place = without_credentials(resolved) if is_url(resolved) else str(Path(resolved).resolve())
    return base.url if place == url else url


def _find_origin(repository: Repository) -> str:
    chosen = repository.config(f"branch.{repository.head()}.remote")
    for name in (chosen, _ORIGIN):
        url = repository.config(f"remote.{name}.url") if name else None
        if url:
            return url
    return "."


def _find_top(repository: Repository) -> Path:
    common = repository.common.resolve()
    return common.parent if common.name == ".git" else common
