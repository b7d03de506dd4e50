"""Adding a linked worktree: its administration and its files are built out of sight, and each appears whole.

`git worktree add` writes the administration file by file and syncs nothing, and it can succeed although it
could not write a file. What it leaves after a kill stops other git commands. So this module writes the files
of gitrepository-layout(5). Stock git only checks out the files, which are then compared with the tree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gitstore.bigfiles import stored
from gitstore.disk import directories
from gitstore.disk.afterwards import only_warn
from gitstore.disk.atomic import sync_directory, sync_tree
from gitstore.disk.construction import construction
from gitstore.disk.exchange import rename_to_new
from gitstore.disk.permissions import make_directory, open_up, share
from gitstore.errors import GitstoreError
from gitstore.git import attributes, checkout
from gitstore.git import process as git
from gitstore.git.files import parse_link
from gitstore.git.repository import Repository
from gitstore.names import name_problem
from gitstore.packs.oid import Oid

_WORKTREES = "worktrees"
_LOCKED = "locked"


@contextmanager
def new_worktree(
    repository: Repository,
    place: Path,
    *,
    branch: str,
    commit: Oid,
    lock_reason: str,
    complete: Callable[[Path], None],
) -> Iterator[None]:
    """Add a linked worktree at `place` for a branch. It appears after the block, unless that raises.

    Before the block, the files of `commit` are checked out, `complete` may change the directory, and all is
    synced, because these steps can fail. The block creates the branch. Then the administration gets its name.
    It is locked with `lock_reason` (git-worktree(1)) until the directory has its name, too. `place` may be
    an empty directory. Raises `GitstoreError`.
    """
    place = place.parent.resolve() / place.name  # git writes it without links
    named = None
    try:
        with construction(place) as directory, _scratch(repository) as administration:
            _write_administration(administration, place, branch=branch, lock_reason=lock_reason)
            _check_out(
                repository, commit, administration=administration, directory=directory, complete=complete
            )
            sync_tree(administration)
            sync_tree(directory)
            yield
            named = _name_administration(repository, administration, directory)
    except BaseException:
        if named is not None and not is_whole(named, place):
            # If this fails, the lock with its reason tells the next command to remove it.
            with suppress(OSError):
                remove_administration(repository, named)
        raise
    finish(named)


def is_whole(administration: Path, place: Path) -> bool:
    """Whether a worktree is complete: its directory gets its name last, with everything in it."""
    link = place / ".git"
    return link.is_file() and parse_link(link.read_bytes(), link) == administration.resolve()


def finish(administration: Path) -> None:
    """Unlock the administration of a complete worktree."""
    with only_warn(f"{administration} stays locked"):
        (administration / _LOCKED).unlink(missing_ok=True)
        sync_directory(administration)


def remove_administration(repository: Repository, administration: Path) -> None:
    """Make git forget a worktree, at one instant. Its directory does not change."""
    with forgotten(repository, administration):
        pass


@contextmanager
def forgotten(repository: Repository, administration: Path) -> Iterator[None]:
    """Make git forget a worktree, at one instant, before the block. If the block raises, restore it."""
    with _scratch(repository) as scratch:
        out_of_sight = scratch / administration.name
        administration.rename(out_of_sight)
        try:
            yield
        except BaseException:
            make_directory(administration.parent)  # git removes it if it is empty
            out_of_sight.rename(administration)
            raise
        sync_directory(administration.parent)


@contextmanager
def _scratch(repository: Repository) -> Iterator[Path]:
    """Make a temporary directory for an administration, as deep in the repository as `worktrees/NAME`."""
    make_directory(repository.private)
    with directories.hidden(repository.private, "worktree") as path:
        yield path


def _write_administration(administration: Path, place: Path, *, branch: str, lock_reason: str) -> None:
    contents = {
        "HEAD": f"ref: refs/heads/{branch}",
        "commondir": "../..",
        "gitdir": str(place / ".git"),
        _LOCKED: lock_reason,
    }
    for name, content in contents.items():
        (administration / name).write_bytes(f"{content}\n".encode("utf-8", "surrogateescape"))


def _check_out(
    repository: Repository,
    commit: Oid,
    *,
    administration: Path,
    directory: Path,
    complete: Callable[[Path], None],
) -> None:
    """Make git write the files of a commit, and its index. Sparse checkouts are off: no file is left out."""
    options = (*repository.without_hooks, "-c", "core.sparseCheckout=false", f"--git-dir={administration}",
            f"--work-tree={directory}")  # fmt: skip
    tree = repository.commit(commit).tree
    entries = stored.list_entries(repository.objects, tree)
    attributes.check_sizes(repository, tree, entries)
    git.run(*options, "read-tree", "--reset", "-u", str(commit), cwd=directory)
    complete(directory)
    # Files that `complete` changed have new times. That git would commit a file otherwise is no failure.
    git.attempt(*options, "update-index", "-q", "--refresh", cwd=directory)
    checkout.check_complete(repository, entries, directory, git_directory=administration)


def _name_administration(repository: Repository, administration: Path, directory: Path) -> Path:
    """Rename an administration to the first free `worktrees/NAME`, and return its path."""
    top = repository.common.resolve() / _WORKTREES
    make_directory(top)
    open_up(administration)
    place = Path(os.fsdecode((administration / "gitdir").read_bytes()).rstrip("\n")).parent
    branch = os.fsdecode((administration / "HEAD").read_bytes()).strip().rpartition("/")[2]
    stem = place.name if name_problem(place.name) is None else branch
    for number in range(10_000):
        named = top / f"{stem}{number or ''}"
        (directory / ".git").write_bytes(f"gitdir: {named}\n".encode("utf-8", "surrogateescape"))
        if rename_to_new(administration, named):
            share(named)
            sync_directory(top)
            sync_directory(top.parent)
            return named
    raise GitstoreError(f"{top} has too many worktrees called {stem}", "name another directory")
