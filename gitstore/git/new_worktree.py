"""A new linked worktree: its administration and its files are built out of sight, and each appears whole.

`git worktree add` writes the administration file by file, syncs none of it, and may end well although a
file could not be written. What it leaves when it is killed stops other commands of git. So the files of
gitrepository-layout(5) are written here; stock git only checks out what belongs in the directory, and
that is compared with the tree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
    """A linked worktree at `place` for a branch, which appears when the block ends well, and else is gone.

    Before the block, the files of `commit` are checked out, `complete` gets the directory to change and
    add to, and all is synced: what can fail does so before. The block creates the branch. Then the
    administration gets its name, locked with `lock_reason` (git-worktree(1)) until the directory has its
    own. `place` may be an empty directory. Raises `GitstoreError`.
    """
    place = place.parent.resolve() / place.name  # as git writes it: through no link
    named = None
    try:
        with construction(place) as directory, _scratch(repository) as administration:
            _write_administration(administration, place, branch, lock_reason)
            _check_out(repository, administration, directory, commit, complete)
            sync_tree(administration)
            sync_tree(directory)
            yield
            named = _appear(repository, administration, directory)
    except BaseException:
        if named is not None and not is_whole(named, place):
            with suppress(OSError):  # left over, it is locked with the reason: the next command knows it
                remove_administration(repository, named)
        raise
    finish(named)


def is_whole(administration: Path, place: Path) -> bool:
    """Whether the directory of a worktree is there: it gets its name last, with all that is in it."""
    link = place / ".git"
    return link.is_file() and parse_link(link.read_bytes(), link) == administration.resolve()


def finish(administration: Path) -> None:
    """Unlock the administration of a worktree that is whole."""
    with only_warn(f"{administration} stays locked"):
        (administration / _LOCKED).unlink(missing_ok=True)
        sync_directory(administration)


def remove_administration(repository: Repository, administration: Path) -> None:
    """Let git forget a worktree, at one instant. Its directory stays as it is."""
    with forgotten(repository, administration):
        pass


@contextmanager
def forgotten(repository: Repository, administration: Path) -> Iterator[None]:
    """Let git forget a worktree, at one instant, before the block. If that fails, git knows it again."""
    with _scratch(repository) as scratch:
        out_of_sight = scratch / administration.name
        administration.rename(out_of_sight)
        try:
            yield
        except BaseException:
            make_directory(administration.parent)  # git removes it where it is empty
            out_of_sight.rename(administration)
            raise
        sync_directory(administration.parent)


@contextmanager
def _scratch(repository: Repository) -> Iterator[Path]:
    """A directory that is no worktree yet: as deep in the repository as those that are. Gone at the end."""
    make_directory(repository.private)
    with directories.hidden(repository.private, "worktree") as path:
        yield path


def _write_administration(administration: Path, place: Path, branch: str, lock_reason: str) -> None:
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
    administration: Path,
    directory: Path,
    commit: Oid,
    complete: Callable[[Path], None],
) -> None:
    """Have git write the files of a commit, and its index. A sparse checkout leaves nothing out here."""
    here = (*repository.without_hooks, "-c", "core.sparseCheckout=false", f"--git-dir={administration}",
            f"--work-tree={directory}")  # fmt: skip
    attributes.check_sizes(repository, repository.commit(commit).tree)
    git.run(*here, "read-tree", "--reset", "-u", str(commit), cwd=directory)
    complete(directory)
    # What was completed has new times; a file that git would not commit as it is there is no reason to fail.
    git.attempt(*here, "update-index", "-q", "--refresh", cwd=directory)
    checkout.check_complete(
        repository, repository.commit(commit).tree, directory, git_directory=administration
    )


def _appear(repository: Repository, administration: Path, directory: Path) -> Path:
    """Give an administration the first free name, which is git's own for the worktree; returns its path."""
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
