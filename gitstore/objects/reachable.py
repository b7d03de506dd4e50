"""Which objects a repository still needs: all that git's own garbage collection would call reachable.

Stock git answers for refs, HEADs, reflogs and indexes of all working copies. What an unfinished
merge, rebase or bisection of a working copy refers to is added: git keeps it by its age only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from gitstore.errors import Corrupt
from gitstore.objects import graph
from gitstore.objects.git import GitFailed
from gitstore.objects.oid import Oid
from gitstore.objects.repository import Repository

_BY_GIT = ("--objects", "--no-object-names", "--missing=allow-promisor")
_EVERYWHERE = ("--all", "--reflog", "--indexed-objects")

_UNDER_WAY = (
    "MERGE_*", "AUTO_MERGE", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_*", "ORIG_HEAD",
    "rebase-merge/*", "rebase-apply/*", "sequencer/*",
    "refs/bisect/*", "refs/rewritten/*", "refs/worktree/**/*",
)  # fmt: skip
"""Files of a git directory in which object ids stand: of operations, and refs of one working copy alone."""

_OID = re.compile(rb"\b[0-9a-f]{40}\b")


def reachable(repository: Repository, *, without: Collection[str] = ()) -> set[Oid]:
    """Every object that something still needs, in whatever working copy; or would, `without` some refs.

    An object that a partial clone lacks is not fetched. Raises `Corrupt` if any other is missing, for
    then nobody can tell what lies behind it.
    """
    # Whoever lists refs while git renames one may see neither name: three looks do not all miss it.
    tips = _tips(repository, without)
    left_out = [f"--exclude={ref}" for ref in without]
    try:
        listed = repository.git("--no-replace-objects", "rev-list", *_BY_GIT, *left_out, *_EVERYWHERE)
    except GitFailed as error:
        raise Corrupt(
            f"what is still needed cannot be told: {error.message}",
            "gitstore verify --all tells what is wrong",
        ) from error
    found = {Oid(bytes.fromhex(line)) for line in listed.decode("ascii").split()}
    # What git kept by age alone may lack something: it is followed as far as it is there.
    objects = repository.objects
    roots = tips | _tips(repository, without) | set(_under_way(repository.common))
    more = graph.walk(objects, roots, lambda oid: oid not in found and oid in objects)
    return found | set(more)


def _tips(repository: Repository, without: Collection[str]) -> set[Oid]:
    return {oid for ref, oid in repository.refs.all() if ref not in without}


def _under_way(common: Path) -> Iterator[Oid]:
    """The objects that unfinished operations of any working copy mention."""
    for directory in (common, *common.glob("worktrees/*")):
        for path in (path for pattern in _UNDER_WAY for path in directory.glob(pattern)):
            try:
                yield from (Oid.parse(oid.decode()) for oid in _OID.findall(path.read_bytes()))
            except OSError:
                continue  # a directory, or gone since it was listed
