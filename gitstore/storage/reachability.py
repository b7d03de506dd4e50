"""Which objects a repository still needs: all that git's own garbage collection would call reachable.

Stock git answers for refs, HEADs and indexes of all working copies; their reflogs are read here. What
an unfinished merge, rebase or bisection of a working copy refers to is added: git keeps it by its age only.
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
    found = held(repository, without=without)
    return found | kept(repository, found)


def held(repository: Repository, *, without: Collection[str] = ()) -> set[Oid]:
    """Every object that a ref or a HEAD needs; or would, `without` some refs. Raises `Corrupt`."""
    # Whoever lists refs while git renames one may see neither name: three looks do not all miss it.
    tips = _tips(repository, without)
    # Of early development: symbolic refs, which hold nothing that the ref they lead to does not.
    left_out = (*without, "refs/states/HEAD", "refs/states/*/HEAD") if without else ()
    # Not --all, which is all working copies' HEADs as well: it fails where one is half-made.
    heads = {str(each.detached) for each in repository.worktrees() if each.detached is not None}
    found = _listed(repository, *(f"--exclude={ref}" for ref in left_out), "--glob=refs/*", *heads)
    tips |= _tips(repository, without)
    # git does not look behind the commits that a fetch with --depth ended at, even if it has what is there.
    tips |= {oid for ends in repository.shallow().values() for oid in ends}
    return found | _beyond(repository.objects, tips, found)


def kept(repository: Repository, found: Collection[Oid], *, also: Iterable[Oid] = ()) -> set[Oid]:
    """What reflogs, indexes, unfinished operations and some objects need beyond what was `found`.

    Raises `Corrupt`.
    """
    mentioned = {*also, *_staged(repository), *_logged(repository.common), *_under_way(repository.common)}
    return _beyond(repository.objects, mentioned, found)


def _staged(repository: Repository) -> set[Oid]:
    """What the indexes of all working copies hold. Those of half-made ones are read one by one."""
    if not worktrees.list_damaged(repository.common):
        return _listed(repository, "--indexed-objects")
    staged = set()
    for directory in (repository.common, *repository.common.glob("worktrees/*")):
        if (directory / "index").is_file():
            variables = {"GIT_INDEX_FILE": str((directory / "index").absolute())}
            try:
                lines = repository.git("ls-files", "--stage", "-z", variables=variables).split(b"\0")[:-1]
            except GitFailed as error:
                raise _unknown(error) from error
            staged |= {Oid.parse(line.split(b" ")[1]) for line in lines}
    return staged


def _listed(repository: Repository, *what: str) -> set[Oid]:
    try:
        listed = repository.git("rev-list", *_BY_GIT, *what)
    except GitFailed as error:
        raise _unknown(error) from error
    return {Oid(bytes.fromhex(line)) for line in listed.decode("ascii").split()}


def _unknown(error: GitFailed) -> Corrupt:
    return Corrupt(
        f"what is still needed cannot be told: {error.message}",
        "gitstore verify --all tells what is wrong",
    )


def _beyond(objects: ObjectDatabase, roots: Collection[Oid], found: Collection[Oid]) -> set[Oid]:
    """What can be reached from `roots` and is not `found`.

    What git kept by age alone may lack something: it is followed as far as it is there.
    """
    return set(graph.walk(objects, roots, lambda oid: oid not in found and oid in objects))


def _tips(repository: Repository, without: Collection[str]) -> set[Oid]:
    return {oid for ref, oid in repository.refs.all() if ref not in without}


def _logged(common: Path) -> Iterator[Oid]:
    """The objects that reflogs of any working copy mention.

    `git rev-list --reflog` looks at all refs anew for each working copy: with a thousand of them, and ten
    thousand snapshots, for 13 s.
    """
    for directory in (common, *common.glob("worktrees/*")):
        for folder, _, names in os.walk(directory / "logs"):
            for name in names:
                with suppress(OSError):  # gone since it was listed
                    yield from _mentioned(Path(folder, name))


def _under_way(common: Path) -> Iterator[Oid]:
    """The objects that unfinished operations of any working copy mention."""
    for directory in (common, *common.glob("worktrees/*")):
        for path in (path for pattern in _UNDER_WAY for path in directory.glob(pattern)):
            with suppress(OSError):  # a directory, or gone since it was listed
                yield from _mentioned(path)


def _mentioned(path: Path) -> list[Oid]:
    return [Oid.parse(oid.decode()) for oid in _OID.findall(path.read_bytes())]
