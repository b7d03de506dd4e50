"""Listing hooks, of git and of gitstore: who wrote each, and whether it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gitstore.events import hooks_path
from gitstore.git.repository import Repository
from gitstore.hooks import script
from gitstore.hooks.names import GIT, GITSTORE, GUARD
from gitstore.hooks.script import USER_SUFFIX


class Owner(StrEnum):
    """Who wrote a hook, and whose script runs it."""

    USER = "user"
    CHAINED = "chained"  # the user's, run by a script of gitstore's
    GITSTORE = "gitstore"


@dataclass(frozen=True)
class Hook:
    """A hook, and which `program` calls it, `git` or `gitstore`.

    `runs` is false if it is not executable, or nothing calls it. For gitstore's scripts, `is_current` says
    whether `gitstore hooks install` would write the same.
    """

    name: str
    path: Path
    program: str
    owner: Owner
    is_executable: bool
    runs: bool
    is_current: bool | None


@dataclass(frozen=True)
class HookListing:
    """The directory where git looks, whether stock git is kept from changing snapshots, and all hooks."""

    directory: Path
    is_protected: bool
    hooks: tuple[Hook, ...]


def list_hooks(repository: Repository) -> HookListing:
    """List the hooks of a repository, by name. gitstore's scripts that only run others are left out."""
    first, *rest = hooks_path.list_directories(repository)
    if rest:
        text = hooks_path.spell_users_directory(repository, hooks_path.read_values(repository))
        unsorted = [*_list_in_own(first, text), *_list_chained(first, rest[0])]
    else:
        unsorted = list(_list_within(first))
    hooks = tuple(sorted(unsorted, key=lambda hook: (hook.name, hook.path)))
    is_protected = any(hook.name == GUARD and hook.owner is Owner.GITSTORE and hook.runs for hook in hooks)
    return HookListing(first, is_protected, hooks)


def _list_within(directory: Path) -> Iterator[Hook]:
    """Yield the hooks in the repository's own directory, and the user's hook that the guard runs."""
    path, user_hook = directory / GUARD, directory / (GUARD + USER_SUFFIX)
    is_guarded = script.is_ours(path)
    for name in (*GIT, *GITSTORE):
        if name == GUARD and is_guarded:
            yield _make_hook(path, Owner.GITSTORE, is_current=script.read(path) == script.render_guard())
        elif (directory / name).exists():
            yield _make_hook(directory / name, Owner.USER)
    if user_hook.exists():
        yield _make_hook(user_hook, Owner.CHAINED, name=GUARD, is_called=is_guarded)


def _list_in_own(directory: Path, users_directory: str) -> Iterator[Hook]:
    """Yield the guard in gitstore's own directory, and hooks that somebody put there."""
    for name in (*GIT, *GITSTORE):
        path = directory / name
        if name == GUARD and script.is_ours(path):
            is_current = script.read(path) == script.render_for(users_directory, name)
            yield _make_hook(path, Owner.GITSTORE, is_current=is_current)
        elif path.exists() and not script.is_ours(path):
            yield _make_hook(path, Owner.USER)


def _list_chained(own: Path, users_directory: Path) -> Iterator[Hook]:
    """Yield the hooks in the user's directory: git's, which scripts in `own` run, and gitstore's."""
    for name in (*GIT, *GITSTORE):
        if (users_directory / name).exists():
            owner = Owner.USER if name in GITSTORE else Owner.CHAINED
            is_called = name in GITSTORE or (own / name).exists()
            yield _make_hook(users_directory / name, owner, is_called=is_called)


def _make_hook(
    path: Path,
    owner: Owner,
    *,
    name: str | None = None,
    is_called: bool = True,
    is_current: bool | None = None,
) -> Hook:
    name = name or path.name
    is_executable = os.access(path, os.X_OK)
    program = "gitstore" if name in GITSTORE else "git"
    return Hook(name, path, program, owner, is_executable, is_executable and is_called, is_current)
