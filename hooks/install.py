"""Installing the guard of snapshots among git's hooks, and removing it.

If git looks in the repository's own directory, the guard takes the place of the hook of its name. That
hook stays beside it under another name and runs after it. If `core.hooksPath` leads out of the repository,
to files that are tracked or belong to others, nothing is written there. Instead, git gets a directory of
gitstore's own, whose scripts run all hooks of the other one, and `core.hooksPath` gets one more value.

Each step leaves hooks that work. If it was interrupted, the same command finishes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitstore.disk import locks
from gitstore.disk.atomic import replace_file
from gitstore.disk.hidden_names import new_path
from gitstore.errors import GitstoreError
from gitstore.events import hooks_path
from gitstore.git.repository import Repository
from gitstore.hooks import script
from gitstore.hooks.names import GIT, GUARD, QUIET
from gitstore.hooks.script import USER_SUFFIX


@dataclass(frozen=True)
class Installed:
    """Where the guard is, and what runs after it: the user's hook, or the user's directory of hooks."""

    path: Path
    following: Path | None


@dataclass(frozen=True)
class Uninstalled:
    """The files that were removed or restored, and those that stay because somebody changed them."""

    restored: tuple[Path, ...]
    remaining: tuple[Path, ...]


def install(repository: Repository) -> Installed:
    """Make git run the guard, and after it whatever ran before. Idempotent.

    Raises `GitstoreError` if a file is in the way, or if a value in the repository's configuration would not
    count. Then all hooks run as before.
    """
    with locks.hooks(repository.private):
        values = hooks_path.read_values(repository)
        if not hooks_path.is_own(repository, values):
            hooks_path.check_writable(values)
        directory = hooks_path.find_users_directory(repository, values)
        if not _is_within(repository, directory):
            text = hooks_path.spell_users_directory(repository, values)
            return _install_apart(repository, directory, users_directory=text)
        installed = _install_within(directory)
        _remove_apart(repository)
        return installed


def uninstall(repository: Repository) -> Uninstalled:
    """Restore what was there before `install`, byte for byte. Files that somebody changed since stay."""
    with locks.hooks(repository.private):
        users_directory = hooks_path.find_users_directory(repository, hooks_path.read_values(repository))
        restored, remaining = _remove_apart(repository)
        for directory in dict.fromkeys((users_directory, repository.common / "hooks")):
            if _is_within(repository, directory):
                _remove_within(directory, restored, remaining)
        return Uninstalled(tuple(restored), tuple(remaining))


def _is_within(repository: Repository, directory: Path) -> bool:
    """Whether a directory is the repository's own."""
    return directory.resolve().is_relative_to(repository.common.resolve())


def _install_within(directory: Path) -> Installed:
    """Write the guard into a directory, and keep the hook that has its name beside it."""
    path, user_hook = directory / GUARD, directory / (GUARD + USER_SUFFIX)
    directory.mkdir(exist_ok=True)
    if os.path.lexists(path) and not script.is_ours(path):
        _check_vacant(path, user_hook)
        if not os.path.lexists(user_hook):
            # First a second name for the hook: so it keeps its own until the guard takes that, in one step.
            os.link(path, user_hook, follow_symlinks=False)
    _write_script(path, script.render_guard())
    return Installed(path, user_hook if os.path.lexists(user_hook) else None)


def _check_vacant(path: Path, user_hook: Path) -> None:
    if script.is_edited(path):
        raise GitstoreError(
            f"{path} was changed since gitstore wrote it",
            f"move what you added into {user_hook}, which runs after it, remove it,"
            " then run the same command again",
        )
    if os.path.lexists(user_hook) and not _is_same(path, user_hook):
        raise GitstoreError(
            f"both {path} and {user_hook} exist, and gitstore wrote neither",
            "make one hook of the two, remove the second, then run the same command again",
        )


def _install_apart(repository: Repository, directory: Path, *, users_directory: str) -> Installed:
    """Fill gitstore's own directory, then make git look there.

    `users_directory` is `directory` as it is configured.
    """
    own = repository.common / hooks_path.OWN
    contents = {
        name: script.render_for(users_directory, name)
        for name in GIT
        if name not in QUIET or os.access(directory / name, os.X_OK)
    }
    for name in contents:
        path = own / name
        if os.path.lexists(path) and not script.is_ours(path):
            raise GitstoreError(
                f"{path} is in the way: gitstore did not write it, or somebody changed it",
                f"move it to {directory / name}, which runs, too, then run the same command again",
            )
    own.mkdir(exist_ok=True)
    for name, content in contents.items():
        _write_script(own / name, content)
    for path in _list_ours(own):
        if path.name not in contents:
            path.unlink()
    hooks_path.use_own(repository)
    return Installed(own / GUARD, directory)


def _remove_apart(repository: Repository) -> tuple[list[Path], list[Path]]:
    """Make git look where it looked before, then empty gitstore's own directory."""
    own = repository.common / hooks_path.OWN
    hooks_path.leave_own(repository)
    restored: list[Path] = []
    if not own.is_dir():
        return restored, []
    for path in _list_ours(own):
        path.unlink()
        restored.append(path)
    for name in GIT:
        new_path(own / name).unlink(missing_ok=True)
    remaining = sorted(own.iterdir())
    if not remaining:
        own.rmdir()
    return restored, remaining


def _remove_within(directory: Path, restored: list[Path], remaining: list[Path]) -> None:
    """Give the user's hook its name back, or only remove the guard."""
    path, user_hook = directory / GUARD, directory / (GUARD + USER_SUFFIX)
    new_path(path).unlink(missing_ok=True)
    if script.is_ours(path):
        restored.append(path)
        if os.path.lexists(user_hook):
            user_hook.replace(path)
        else:
            path.unlink()
    elif os.path.lexists(user_hook) and _is_same(path, user_hook):
        user_hook.unlink()  # an installation was interrupted before it wrote the guard
        restored.append(path)
    elif script.is_edited(path) or os.path.lexists(user_hook):
        remaining += [hook for hook in (path, user_hook) if os.path.lexists(hook)]


def _list_ours(directory: Path) -> Iterator[Path]:
    return (directory / name for name in GIT if script.is_ours(directory / name))


def _write_script(path: Path, content: bytes) -> None:
    """Write an executable script atomically, in place of what has its name."""
    replace_file(path, content, mode=0o755)


def _is_same(first: Path, second: Path) -> bool:
    """Whether two names are of one file, links not followed."""
    if not os.path.lexists(first):
        return False
    return os.path.samestat(first.lstat(), second.lstat())
