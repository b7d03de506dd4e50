"""Where git looks for hooks: `core.hooksPath` in git-config(1), or else `hooks/` in the common directory."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository

KEY = "core.hooksPath"

OWN = "gitstore-hooks"
"""gitstore's own directory of hooks, beside git's: it passes on to the directory that git had before."""

_EXPANDED = ("~", "%(", ":(")
"""How a path begins that git expands, or may ignore."""

_WRITABLE = ("system", "global", "local")


class HookPath(NamedTuple):
    """A value of `core.hooksPath`: the scope of the file that has it, and the path with `~` expanded."""

    scope: str
    path: str


def settings(repository: Repository) -> list[HookPath]:
    """All values there are, the one that counts last."""
    paths = [HookPath(scope, text or "") for scope, text in repository.git_config.values(KEY.lower())]
    if any(path.startswith(_EXPANDED) for _, path in paths):
        listing = repository.git("config", "--show-scope", "-z", "--type=path", "--get-all", KEY)
        fields = listing.decode("utf-8", "surrogateescape").split("\0")
        paths = [HookPath(*pair) for pair in zip(fields[::2], fields[1::2], strict=False)]
    return paths[:-1]  # the very last is /dev/null, with which we run git


def directories(repository: Repository) -> list[Path]:
    """Where a hook may be: where git looks; if that is gitstore's directory, where it looked before, too."""
    found = settings(repository)
    if is_own(repository, found):
        return [repository.common / OWN, former(repository, found)]
    return [_resolve(repository, found)]


def is_own(repository: Repository, found: list[HookPath]) -> bool:
    """Whether git looks for hooks in gitstore's own directory."""
    return bool(found) and found[-1].path == str(repository.common / OWN)


def former(repository: Repository, found: list[HookPath]) -> Path:
    """Where git would look if it were not for gitstore's own directory; relative to each working copy."""
    return _resolve(repository, _others(repository, found))


def former_text(repository: Repository, found: list[HookPath]) -> str:
    """The same as configured: git takes a relative path from where each hook runs."""
    others = _others(repository, found)
    return others[-1].path if others else str(repository.common / "hooks")


def check_writable(found: list[HookPath]) -> None:
    """Raise `GitstoreError` if what we write into the repository's configuration would not count."""
    if found and found[-1].scope not in _WRITABLE:
        where = "for this working copy alone" if found[-1].scope == "worktree" else "for this command alone"
        raise GitstoreError(
            f"{KEY} is set {where}: {found[-1].path}",
            f"set it for the repository, git config --local {KEY}, or not at all",
        )


def use_own(repository: Repository) -> None:
    """Have git look in gitstore's own directory. What was configured stays as it is, and comes before."""
    own = str(repository.common / OWN)
    if is_own(repository, settings(repository)):
        return
    leave_own(repository)
    repository.git("config", "--local", "--add", KEY, own)
    repository.forget_config()
    if not is_own(repository, settings(repository)):
        leave_own(repository)
        raise GitstoreError(f"{KEY} is set behind what git config --add writes", "look into .git/config")


def leave_own(repository: Repository) -> None:
    """Take gitstore's own directory out of the configuration, and nothing else."""
    own = str(repository.common / OWN)
    if HookPath("local", own) in settings(repository):
        repository.git("config", "--local", "--fixed-value", "--unset-all", KEY, own)
        repository.forget_config()


def _others(repository: Repository, found: list[HookPath]) -> list[HookPath]:
    own = str(repository.common / OWN)
    return [each for each in found if each.path != own]


def _resolve(repository: Repository, found: list[HookPath]) -> Path:
    if not found:
        return repository.common / "hooks"
    # An empty path has git look in the root directory, where nobody has hooks.
    return repository.directory / (found[-1].path or "/")
