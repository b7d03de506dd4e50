"""Where git looks for hooks: `core.hooksPath` in git-config(1), or else `hooks/` in the common directory."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository

KEY = "core.hooksPath"

OWN = "gitstore-hooks"
"""gitstore's own directory of hooks, beside git's. Its scripts run the hooks of the directory before it."""

_EXPANDED = ("~", "%(", ":(")
"""How a path starts that git expands, or may ignore."""

_WRITABLE = ("system", "global", "local")


class HooksPath(NamedTuple):
    """A value of `core.hooksPath`: the scope of its file, and the path with `~` expanded."""

    scope: str
    path: str


def read_values(repository: Repository) -> list[HooksPath]:
    """Return all values of `core.hooksPath`. The last one counts."""
    values = [HooksPath(scope, text or "") for scope, text in repository.git_config.values(KEY.lower())]
    if any(value.path.startswith(_EXPANDED) for value in values):
        listing = repository.git("config", "--show-scope", "-z", "--type=path", "--get-all", KEY)
        fields = listing.decode("utf-8", "surrogateescape").split("\0")
        values = [HooksPath(*pair) for pair in zip(fields[::2], fields[1::2], strict=False)]
    return values[:-1]  # the very last is /dev/null, with which gitstore runs git


def list_directories(repository: Repository) -> list[Path]:
    """Return where a hook may be: where git looks, then where it would look without gitstore's directory."""
    values = read_values(repository)
    if is_own(repository, values):
        return [repository.common / OWN, find_users_directory(repository, values)]
    return [_resolve(repository, values)]


def is_own(repository: Repository, values: list[HooksPath]) -> bool:
    """Whether git looks for hooks in gitstore's own directory."""
    return bool(values) and values[-1].path == str(repository.common / OWN)


def find_users_directory(repository: Repository, values: list[HooksPath]) -> Path:
    """Return where git would look without gitstore's own directory, for this working copy."""
    return _resolve(repository, _without_own(repository, values))


def spell_users_directory(repository: Repository, values: list[HooksPath]) -> str:
    """Return the same as configured: git resolves a relative path where each hook runs."""
    user_values = _without_own(repository, values)
    return user_values[-1].path if user_values else str(repository.common / "hooks")


def check_writable(values: list[HooksPath]) -> None:
    """Raise `GitstoreError` if a value in the repository's configuration would not count."""
    if values and values[-1].scope not in _WRITABLE:
        scope = "for this working copy alone" if values[-1].scope == "worktree" else "for this command alone"
        raise GitstoreError(
            f"{KEY} is set {scope}: {values[-1].path}",
            f"set it for the repository with git config --local {KEY}, or unset it",
        )


def use_own(repository: Repository) -> None:
    """Make git look in gitstore's own directory, by a value after those that are configured already."""
    own = str(repository.common / OWN)
    if is_own(repository, read_values(repository)):
        return
    leave_own(repository)
    repository.git("config", "--local", "--add", KEY, own)
    repository.forget_config()
    if not is_own(repository, read_values(repository)):
        leave_own(repository)
        raise GitstoreError(
            f"{KEY} is set again after the place where git config --add writes",
            "check .git/config, and the files that it includes",
        )


def leave_own(repository: Repository) -> None:
    """Remove gitstore's own directory from the configuration, and nothing else."""
    own = str(repository.common / OWN)
    if HooksPath("local", own) in read_values(repository):
        repository.git("config", "--local", "--fixed-value", "--unset-all", KEY, own)
        repository.forget_config()


def _without_own(repository: Repository, values: list[HooksPath]) -> list[HooksPath]:
    own = str(repository.common / OWN)
    return [value for value in values if value.path != own]


def _resolve(repository: Repository, values: list[HooksPath]) -> Path:
    if not values:
        return repository.common / "hooks"
    # With an empty path, git looks in the root directory, where nobody has hooks.
    return repository.directory / (values[-1].path or "/")
