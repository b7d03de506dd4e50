"""Making packages.lock: resolving packages of settings.yaml, and writing the file into the working copy."""

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
    """The pins of packages.lock, such as `numpy==2.4.6`, and which of them were added and removed.

    `python` is the version that the packages were resolved for.
    """

    path: Path
    python: str
    pins: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: bool


def update_lock(
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
    packages, before = model.settings.packages, model.read_top_file(LOCK)
    status = lockfile.check_content(packages, before)
    if status is LockStatus.FOREIGN:
        raise GitstoreError(
            f"{model.directory / LOCK} was not made by gitstore, and would be overwritten", "move it away"
        )
    after = before
    if upgrade or upgraded or status is not LockStatus.CURRENT:
        # An edited file may have merge conflicts or forged hashes, so none of its versions is kept.
        preferred = b"" if upgrade or before is None or status is LockStatus.EDITED else before
        requirements = _resolve(model, preferred, upgraded=upgraded, permissions=permissions or Permissions())
        after = lockfile.render(packages, requirements)
    if after is not None and after != before:
        _replace(model, before, after)
    return _report(model, before, after)


def _report(model: Model, before: bytes | None, after: bytes | None) -> Resolution:
    """Report how two contents of packages.lock differ."""
    old, new = (lockfile.list_pins(content or b"") for content in (before, after))
    return Resolution(
        path=model.directory / LOCK,
        python=lockfile.choose_python(model.settings.packages),
        pins=tuple(new),
        added=tuple(pin for pin in new if pin not in old),
        removed=tuple(pin for pin in old if pin not in new),
        changed=after != before,
    )


def _resolve(model: Model, preferred: bytes, *, upgraded: Sequence[str], permissions: Permissions) -> str:
    packages = model.settings.packages
    try:
        requirements = uv.resolve(
            packages.requirements, lockfile.choose_python(packages),
            preferred=preferred, upgraded=upgraded, permissions=permissions,
        )  # fmt: skip
    except uv.Unresolved as error:
        own = model.directory / _CONFIG
        if permissions.config is None and own.is_file():
            error.hint = f"{own} was not used; if you trust it, gitstore lock --config {_CONFIG} uses it"
        raise
    needed = {_normalize(pin.partition("==")[0]) for pin in lockfile.list_pins(requirements.encode())}
    for name in upgraded:
        if _normalize(name) not in needed:
            raise GitstoreError(f"there is no package {name} to upgrade: nothing in settings.yaml needs it")
    return requirements


def _normalize(name: str) -> str:
    """Return a package's name in the form in which names are compared: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _replace(model: Model, before: bytes | None, after: bytes) -> None:
    """Replace packages.lock. Raises `GitstoreError` if somebody has changed it since `before` was read."""
    path = model.directory / LOCK
    with locks.working_copy(model.repository.git_directory):
        if model.read_top_file(LOCK) != before:
            raise GitstoreError(f"{path} changed meanwhile", "run gitstore lock again")
        replace_file(path, after)
