"""Putting the guard of snapshots among git's hooks, and taking it away again.

Where git looks within the repository's own directory, the guard takes the place of the hook of its
name, which stays beside it under another name, and runs after it. Where `core.hooksPath` leads out of
it, to files that are other people's or tracked, nothing is written there: git gets a directory of
gitstore's own, whose scripts run all hooks of that one, and `core.hooksPath` one value more.

Each step leaves hooks that work, and a repeat goes on from wherever it was stopped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitstore.disk import locks
from gitstore.disk.atomic import replace_file
from gitstore.errors import GitstoreError
from gitstore.events import hooks_path
from gitstore.git.repository import Repository
from gitstore.hooks import stubs
from gitstore.hooks.names import GIT, GUARD, QUIET
from gitstore.hooks.stubs import KEPT


@dataclass(frozen=True)
class Installed:
    """Where the guard is, and the user's hook, or the directory of hooks, that goes on running."""

    path: Path
    following: Path | None


@dataclass(frozen=True)
class Uninstalled:
    """What was removed or put back, and the files that stay because somebody changed them."""

    restored: tuple[Path, ...]
    left: tuple[Path, ...]


def install(repository: Repository) -> Installed:
    """Have git run the guard, and after it whatever ran before. Idempotent.

    Raises `GitstoreError` if a file is in the way, or if the configuration does not let us; then all
    hooks run as before.
    """
    with locks.hooks(repository.private):
        found = hooks_path.settings(repository)
        if not hooks_path.is_own(repository, found):
            hooks_path.check_writable(found)
        directory = hooks_path.former(repository, found)
        if not _is_within(repository, directory):
            return _install_apart(repository, directory, hooks_path.former_text(repository, found))
        done = _install_within(directory)
        _remove_apart(repository)
        return done


def uninstall(repository: Repository) -> Uninstalled:
    """Leave all as it was before `install`, byte for byte. What somebody changed since then stays."""
    with locks.hooks(repository.private):
        found = hooks_path.settings(repository)
        directory = hooks_path.former(repository, found)
        restored, left = _remove_apart(repository)
        for each in dict.fromkeys((directory, repository.common / "hooks")):
            if _is_within(repository, each):
                _remove_within(each, restored, left)
        return Uninstalled(tuple(restored), tuple(left))


def _is_within(repository: Repository, directory: Path) -> bool:
    """Whether a directory is the repository's own, and nobody else's."""
    return directory.resolve().is_relative_to(repository.common.resolve())


def _install_within(directory: Path) -> Installed:
    """Put the guard into a directory, and the hook that has its name beside it."""
    path, kept = directory / GUARD, directory / (GUARD + KEPT)
    directory.mkdir(exist_ok=True)
    if os.path.lexists(path) and not stubs.is_ours(path):
        _check_vacant(path, kept)
        if not os.path.lexists(kept):
            # A second name first: the hook has its own until the guard takes it, in one step.
            os.link(path, kept, follow_symlinks=False)
    _put(path, stubs.guard())
    return Installed(path, kept if os.path.lexists(kept) else None)


def _check_vacant(path: Path, kept: Path) -> None:
    if stubs.is_edited(path):
        raise GitstoreError(
            f"{path} was changed since gitstore wrote it",
            f"move what you added into {kept}, which runs after it, remove it, and say the same again",
        )
    if os.path.lexists(kept) and not _is_same(path, kept):
        raise GitstoreError(
            f"{path} and {kept} are both there, and neither is gitstore's",
            "make one hook of the two, remove the second, and say the same again",
        )


def _install_apart(repository: Repository, directory: Path, configured: str) -> Installed:
    """Fill gitstore's own directory, then have git look there."""
    own = repository.common / hooks_path.OWN
    wanted = {
        name: stubs.passing_on(configured, name)
        for name in GIT
        if name not in QUIET or os.access(directory / name, os.X_OK)
    }
    for name in wanted:
        path = own / name
        if os.path.lexists(path) and not stubs.is_ours(path):
            raise GitstoreError(
                f"{path} is in the way: gitstore did not write it, or somebody changed it",
                f"move it to {directory / name}, from where it is run, and say the same again",
            )
    own.mkdir(exist_ok=True)
    for name, content in wanted.items():
        _put(own / name, content)
    for path in _ours(own):
        if path.name not in wanted:
            path.unlink()
    hooks_path.use_own(repository)
    return Installed(own / GUARD, directory)


def _remove_apart(repository: Repository) -> tuple[list[Path], list[Path]]:
    """Have git look where it looked before, then empty gitstore's own directory."""
    own = repository.common / hooks_path.OWN
    hooks_path.leave_own(repository)
    restored: list[Path] = []
    if not own.is_dir():
        return restored, []
    for path in _ours(own):
        path.unlink()
        restored.append(path)
    for name in GIT:
        _new(own / name).unlink(missing_ok=True)
    left = sorted(own.iterdir())
    if not left:
        own.rmdir()
    return restored, left


def _remove_within(directory: Path, restored: list[Path], left: list[Path]) -> None:
    """Give the user's hook its name back, or remove the guard alone."""
    path, kept = directory / GUARD, directory / (GUARD + KEPT)
    _new(path).unlink(missing_ok=True)
    if stubs.is_ours(path):
        restored.append(path)
        if os.path.lexists(kept):
            kept.replace(path)
        else:
            path.unlink()
    elif os.path.lexists(kept) and _is_same(path, kept):
        kept.unlink()  # an installation was stopped before the guard was there
        restored.append(path)
    elif stubs.is_edited(path) or os.path.lexists(kept):
        left += [each for each in (path, kept) if os.path.lexists(each)]


def _ours(directory: Path) -> Iterator[Path]:
    return (directory / name for name in GIT if stubs.is_ours(directory / name))


def _put(path: Path, content: bytes) -> None:
    """Write a script, whole and executable, to its place, over what is there."""
    replace_file(path, content, scratch=_new(path), mode=0o755)


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}.gitstore-new")


def _is_same(first: Path, second: Path) -> bool:
    """Whether two names are of one hook: of one file, or of two links that lead to the same."""
    if not os.path.lexists(first):
        return False
    return os.path.samestat(first.lstat(), second.lstat())
