"""Which hooks there are, of git and of gitstore, whose they are, and whether they run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gitstore.events import hooks_path
from gitstore.git.repository import Repository
from gitstore.hooks import stubs
from gitstore.hooks.names import GIT, GITSTORE, GUARD
from gitstore.hooks.stubs import KEPT


class Whose(StrEnum):
    """Who wrote a hook, and who runs it."""

    USER = "user"
    CHAINED = "chained"  # the user's, run by a script of gitstore's
    GITSTORE = "gitstore"


@dataclass(frozen=True)
class Hook:
    """A hook. `runs` unless it is not executable, or nothing runs it.

    Of a script of gitstore's, `is_current` says whether `gitstore hooks install` would write the same.
    """

    name: str
    path: Path
    of: str
    whose: Whose
    is_executable: bool
    runs: bool
    is_current: bool | None


@dataclass(frozen=True)
class Listing:
    """The directory where git looks, whether stock git is kept from changing snapshots, and all hooks."""

    directory: Path
    is_protected: bool
    hooks: tuple[Hook, ...]


def listing(repository: Repository) -> Listing:
    """The hooks of a repository, by name. gitstore's scripts that only pass on are left out."""
    first, *rest = hooks_path.directories(repository)
    if rest:
        configured = hooks_path.former_text(repository, hooks_path.settings(repository))
        found = [*_own(first, configured), *_passed_on(first, rest[0])]
    else:
        found = list(_within(first))
    hooks = tuple(sorted(found, key=lambda each: (each.name, each.path)))
    guarded = any(each.name == GUARD and each.whose is Whose.GITSTORE and each.runs for each in hooks)
    return Listing(first, guarded, hooks)


def _within(directory: Path) -> Iterator[Hook]:
    """The hooks where git looks in the repository's own directory, and the one that the guard runs."""
    path, kept = directory / GUARD, directory / (GUARD + KEPT)
    is_guarded = stubs.is_ours(path)
    for name in (*GIT, *GITSTORE):
        if name == GUARD and is_guarded:
            yield _hook(path, Whose.GITSTORE, is_current=stubs.read(path) == stubs.guard())
        elif (directory / name).exists():
            yield _hook(directory / name, Whose.USER)
    if kept.exists():
        yield _hook(kept, Whose.CHAINED, name=GUARD, is_run=is_guarded)


def _own(directory: Path, configured: str) -> Iterator[Hook]:
    """What gitstore's own directory has beside scripts that pass on: the guard, and hooks put there since."""
    for name in (*GIT, *GITSTORE):
        path = directory / name
        if name == GUARD and stubs.is_ours(path):
            is_current = stubs.read(path) == stubs.passing_on(configured, name)
            yield _hook(path, Whose.GITSTORE, is_current=is_current)
        elif path.exists() and not stubs.is_ours(path):
            yield _hook(path, Whose.USER)


def _passed_on(own: Path, former: Path) -> Iterator[Hook]:
    """The hooks of the directory before, which gitstore's scripts run; gitstore runs its own from there."""
    for name in (*GIT, *GITSTORE):
        if (former / name).exists():
            whose = Whose.USER if name in GITSTORE else Whose.CHAINED
            yield _hook(former / name, whose, is_run=name in GITSTORE or (own / name).exists())


def _hook(
    path: Path, whose: Whose, *, name: str | None = None, is_run: bool = True, is_current: bool | None = None
) -> Hook:
    name = name or path.name
    executable = os.access(path, os.X_OK)
    of = "gitstore" if name in GITSTORE else "git"
    return Hook(name, path, of, whose, executable, executable and is_run, is_current)
