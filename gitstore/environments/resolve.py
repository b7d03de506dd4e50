"""Making packages.lock: the packages of settings.yaml resolved, and written into the working copy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitstore.disk import locks
from gitstore.disk.atomic import replace_file
from gitstore.environments import lockfile, uv
from gitstore.environments.lockfile import LockStatus
from gitstore.environments.uv import Permissions
from gitstore.errors import GitstoreError
from gitstore.models.model import LOCK, Model

_CONFIG = "uv.toml"


@dataclass(frozen=True)
class Resolution:
    """What packages.lock holds now, and how that differs from before. Pins are like `numpy==2.4.6`.

    `python` is the version that it was resolved for.
    """

    path: Path
    python: str
    pins: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: bool


def make(
    model: Model,
    *,
    upgrade: bool = False,
    upgraded: Sequence[str] = (),
    permissions: Permissions | None = None,
) -> Resolution:
    """Update packages.lock to match the settings; one that matches is not changed.

    Versions in the file are kept while they fit, unless `upgrade` is set or the package is in `upgraded`.
    Of the repository, only the settings and that file have an effect, unless `permissions` name another.
    The file is replaced atomically and durably. Raises `uv.Unresolved`, and `GitstoreError` for a bare
    repository, a file that gitstore did not make, or a package in `upgraded` that nothing needs.
    """
    if model.repository.is_bare:
        raise GitstoreError(
            f"a bare repository has no working copy, so {LOCK} cannot be created in it",
            "create and commit it in a clone; gitstore lock --check works here",
        )
    wanted, before = model.settings.packages, model.top_file(LOCK)
    status = lockfile.status(wanted, before)
    if status is LockStatus.FOREIGN:
        raise GitstoreError(
            f"{model.directory / LOCK} was not made by gitstore, and would be overwritten", "move it away"
        )
    after = before
    if upgrade or upgraded or status is not LockStatus.CURRENT:
        # An edited file may have merge conflicts or forged hashes, so none of its versions is kept.
        kept = b"" if upgrade or before is None or status is LockStatus.EDITED else before
        after = lockfile.render(
            wanted, _resolve(model, kept, upgraded=upgraded, permissions=permissions or Permissions())
        )
    if after is not None and after != before:
        _replace(model, before, after)
    return _report(model, before, after)


def _report(model: Model, before: bytes | None, after: bytes | None) -> Resolution:
    """Report how two contents of packages.lock differ."""
    old, new = (lockfile.pins(content or b"") for content in (before, after))
    return Resolution(
        path=model.directory / LOCK,
        python=lockfile.python(model.settings.packages),
        pins=tuple(new),
        added=tuple(pin for pin in new if pin not in old),
        removed=tuple(pin for pin in old if pin not in new),
        changed=after != before,
    )


def _resolve(model: Model, kept: bytes, *, upgraded: Sequence[str], permissions: Permissions) -> str:
    wanted = model.settings.packages
    try:
        found = uv.resolve(
            wanted.requirements, lockfile.python(wanted),
            preferred=kept, upgraded=upgraded, permissions=permissions,
        )  # fmt: skip
    except uv.Unresolved as error:
        own = model.directory / _CONFIG
        if permissions.config is None and own.is_file():
            error.hint = f"{own} was not used; if you trust it, gitstore lock --config {_CONFIG} uses it"
        raise
    needed = {_normal(pin.partition("==")[0]) for pin in lockfile.pins(found.encode())}
    for name in upgraded:
        if _normal(name) not in needed:
            raise GitstoreError(f"there is no package {name} to upgrade: nothing in settings.yaml needs it")
    return found


def _normal(name: str) -> str:
    """A package's name as it is compared, PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _replace(model: Model, before: bytes | None, after: bytes) -> None:
    """Let a new file take the place of packages.lock. Raises if somebody changed that meanwhile."""
    path = model.directory / LOCK
    with locks.working_copy(model.repository.git_directory):
        if model.top_file(LOCK) != before:
            raise GitstoreError(f"{path} changed meanwhile", "run gitstore lock again")
        replace_file(path, after)
