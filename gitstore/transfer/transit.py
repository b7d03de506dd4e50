"""Large pushes in batches: each is complete on the other side when it is over, so a broken push continues.

A batch is a commit whose tree has a directory of blobs that the other side lacks, named by their ids, beside
those of the batches before. The commits are a line, and a ref of the other side points to the last:
`refs/gitstore/transit/ID`, or a branch where a host allows no other refs. The repository that pushes has
these commits, too, so the next push does not send their blobs again. The last push, which moves the real
refs, deletes that ref. ID is random, and one for each repository.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gitstore.disk.atomic import replace_file
from gitstore.disk.permissions import make_directory
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.transfer.wire import EXACT

NAMESPACES = ("refs/gitstore/transit/", "refs/heads/gitstore-transit-")
"""How the refs begin, in the order in which they are tried."""

_FILE = "transit-id"
_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "gitstore"), ("EMAIL", "gitstore"), ("DATE", "@0 +0000"))
}


class Blob(NamedTuple):
    """A blob that is to travel, and its bytes in the pack."""

    oid: Oid
    size: int


def list_refs(repository: Repository, theirs: Mapping[str, Oid]) -> list[str]:
    """Return the refs that pushes of this repository left in transit on the other side."""
    identity = _read_identity(repository)
    names = [f"{namespace}{identity}" for namespace in NAMESPACES]
    return [ref for ref in names if identity is not None and ref in theirs]


def make_refs(repository: Repository) -> list[str]:
    """Return the refs that a push of this repository may use, the best first."""
    identity = _read_identity(repository)
    if identity is None:
        identity = secrets.token_hex(8)
        make_directory(repository.private)
        replace_file(repository.private / _FILE, identity.encode())
    return [f"{namespace}{identity}" for namespace in NAMESPACES]


def list_blobs(
    repository: Repository, revisions: bytes, variables: Mapping[str, str] | None = None
) -> Iterator[Blob]:
    """Yield the blobs that some revisions need and others lack, as `git rev-list --stdin` reads them.

    git gets `variables`.
    """
    arguments = ("rev-list", "--objects", "--use-bitmap-index", "--stdin")
    listing = repository.git(*EXACT, *arguments, stdin=revisions, variables=variables)
    oids = b"".join(line[:40] + b"\n" for line in listing.splitlines())
    option = "--batch-check=%(objecttype) %(objectname) %(objectsize:disk)"
    for line in repository.git("cat-file", option, stdin=oids).splitlines():
        kind, oid, size = line.split()
        if kind == b"blob":
            yield Blob(Oid.parse(oid), int(size))


def divide(blobs: Iterable[Blob], limit: int) -> Iterator[list[Blob]]:
    """Divide blobs into batches of at most `limit` bytes. A larger blob is a batch of its own."""
    batch, size = list[Blob](), 0
    for blob in blobs:
        if batch and size + blob.size > limit:
            yield batch
            batch, size = [], 0
        batch.append(blob)
        size += blob.size
    if batch:
        yield batch


def write_commit(repository: Repository, blobs: Iterable[Blob], *, parent: Oid | None) -> Oid:
    """Write the commit of a batch, behind that of the batch before it. No ref points to it here."""
    before = repository.git("ls-tree", str(parent)).decode().splitlines() if parent is not None else []
    tree = _write_tree(repository, [f"100644 blob {blob.oid}\t{blob.oid}" for blob in blobs])
    root = _write_tree(repository, [*before, f"040000 tree {tree}\t{len(before):06}"])
    parents = ("-p", str(parent)) if parent is not None else ()
    arguments = ("commit-tree", *parents, "-m", "A part of a push in transit", root)
    return Oid.parse(repository.git(*arguments, variables=_IDENTITY).strip())


def _write_tree(repository: Repository, entries: list[str]) -> str:
    """Write a tree of entries, as `git ls-tree` lists them, and return its id."""
    return (
        repository.git("mktree", stdin="".join(f"{entry}\n" for entry in entries).encode()).decode().strip()
    )


def _read_identity(repository: Repository) -> str | None:
    try:
        identity = (repository.private / _FILE).read_text()
    except FileNotFoundError:
        return None
    return identity if identity.isalnum() else None
