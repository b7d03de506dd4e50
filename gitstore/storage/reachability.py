"""Which objects a repository still needs: all that git gc calls reachable.

Stock git lists the objects of refs, HEADs and indexes of all working copies. The reflogs are read here, and
the files of an unfinished merge, rebase or bisection: git keeps what those name only while it is young.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from gitstore.errors import Corrupt
from gitstore.git import worktrees
from gitstore.git.process import GitFailed
from gitstore.git.repository import Repository
from gitstore.objects import walk as graph
from gitstore.objects.database import ObjectDatabase
from gitstore.packs.oid import Oid

_BY_GIT = ("--objects", "--no-object-names", "--missing=allow-promisor")

_UNFINISHED = (
    "MERGE_*", "AUTO_MERGE", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_*", "ORIG_HEAD",
    "rebase-merge/*", "rebase-apply/*", "sequencer/*",
    "refs/bisect/*", "refs/rewritten/*", "refs/worktree/**/*",
)  # fmt: skip
"""Files with object ids in a git directory: those of operations, and refs of one working copy alone."""

_OID = re.compile(rb"\b[0-9a-f]{40}\b")


def find_reachable(repository: Repository, *, without: Collection[str] = ()) -> set[Oid]:
    """Return every object that something still needs, in any working copy, as if some refs did not exist.

    An object that a partial clone lacks is not fetched. Raises `Corrupt` if any other object is missing,
    because what it refers to is then unknown.
    """
    held = find_held(repository, without=without)
    return held | find_kept(repository, held)


def find_held(repository: Repository, *, without: Collection[str] = ()) -> set[Oid]:
    """Return every object that a ref or a HEAD needs, as if some refs did not exist. Raises `Corrupt`."""
    # A list of refs that is made while git renames one may have neither name. Three lists do not all miss it.
    tips = _list_tips(repository, without)
    # Symbolic refs of early development hold nothing that their target does not hold.
    excluded = (*without, "refs/states/HEAD", "refs/states/*/HEAD") if without else ()
    # --all would add the HEADs of all working copies, and fail where one is half-made.
    heads = {str(copy.detached) for copy in repository.worktrees() if copy.detached is not None}
    listed = _list_objects(repository, *(f"--exclude={ref}" for ref in excluded), "--glob=refs/*", *heads)
    tips |= _list_tips(repository, without)
    # git does not follow the commits at which a fetch with --depth ended, even if their parents exist.
    tips |= {oid for ends in repository.shallow().values() for oid in ends}
    return listed | _walk_beyond(repository.objects, tips, listed)


def find_kept(repository: Repository, held: Collection[Oid], *, also: Iterable[Oid] = ()) -> set[Oid]:
    """Return what reflogs, indexes, unfinished operations and the objects `also` need beyond `held`.

    Raises `Corrupt`.
    """
    mentioned = {
        *also,
        *_list_staged(repository),
        *_read_reflogs(repository.common),
        *_read_unfinished(repository.common),
    }
    return _walk_beyond(repository.objects, mentioned, held)


def _list_staged(repository: Repository) -> set[Oid]:
    """Return the objects in the indexes of all working copies."""
    if not worktrees.list_damaged(repository.common):
        return _list_objects(repository, "--indexed-objects")
    staged = set()  # --indexed-objects fails where a working copy is half-made
    for directory in (repository.common, *repository.common.glob("worktrees/*")):
        if (directory / "index").is_file():
            variables = {"GIT_INDEX_FILE": str((directory / "index").absolute())}
            try:
                lines = repository.git("ls-files", "--stage", "-z", variables=variables).split(b"\0")[:-1]
            except GitFailed as error:
                raise _reachability_error(error) from error
            staged |= {Oid.parse(line.split(b" ")[1]) for line in lines}
    return staged


def _list_objects(repository: Repository, *options: str) -> set[Oid]:
    try:
        output = repository.git("rev-list", *_BY_GIT, *options)
    except GitFailed as error:
        raise _reachability_error(error) from error
    return {Oid(bytes.fromhex(line)) for line in output.decode("ascii").split()}


def _reachability_error(error: GitFailed) -> Corrupt:
    return Corrupt(
        f"cannot find out which objects are still needed: {error.message}",
        "gitstore verify --all reports what is wrong",
    )


def _walk_beyond(objects: ObjectDatabase, roots: Collection[Oid], excluded: Collection[Oid]) -> set[Oid]:
    """Return the objects that `roots` reach and that are not `excluded`.

    An object that git kept only for its age may refer to missing ones, which are skipped.
    """
    return set(graph.walk(objects, roots, lambda oid: oid not in excluded and oid in objects))


def _list_tips(repository: Repository, without: Collection[str]) -> set[Oid]:
    return {oid for ref, oid in repository.refs.all() if ref not in without}


def _read_reflogs(common: Path) -> Iterator[Oid]:
    """Yield the objects that reflogs of any working copy mention.

    `git rev-list --reflog` lists all refs again for each working copy. With a thousand working copies and
    ten thousand snapshots, that takes 13 s.
    """
    for directory in (common, *common.glob("worktrees/*")):
        for folder, _, names in os.walk(directory / "logs"):
            for name in names:
                with suppress(OSError):  # gone since it was listed
                    yield from _find_ids(Path(folder, name))


def _read_unfinished(common: Path) -> Iterator[Oid]:
    """Yield the objects that unfinished operations of any working copy mention."""
    for directory in (common, *common.glob("worktrees/*")):
        for path in (path for pattern in _UNFINISHED for path in directory.glob(pattern)):
            with suppress(OSError):  # a directory, or gone since it was listed
                yield from _find_ids(path)


def _find_ids(path: Path) -> list[Oid]:
    return [Oid.parse(oid.decode()) for oid in _OID.findall(path.read_bytes())]
