"""Large pushes in batches: each is complete on the other side when it is over, so a broken push continues.

A batch is a commit whose tree has a directory of blobs that the other side lacks, named by their ids, beside
those of the batches before. The commits are a line, one for each connection, and a ref of the other side
points to its last: `refs/gitstore/transit/IDA`, `…IDB`, or branches where a host allows no other refs. The
repository that pushes has these commits, too, so the next push does not send their blobs again. The last
push, which moves the real refs, deletes these. ID is random, and one for each repository.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from gitstore.disk.atomic import replace_file
from gitstore.disk.permissions import make_directory
from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.git.transport import connections
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.transfer import wire
from gitstore.transfer.remotes import Remote
from gitstore.transfer.remotes import list_refs as read_refs
from gitstore.transfer.wire import EXACT, PushRefused, RefSpec, RefusedRef

NAMESPACES = ("refs/gitstore/transit/", "refs/heads/gitstore-transit-")
"""How the refs begin, in the order in which they are tried."""

_FILE = "transit-id"
_LETTERS = "ABCDEFGHIJKLMNOP"
_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "gitstore"), ("EMAIL", "gitstore"), ("DATE", "@0 +0000"))
}


class Blob(NamedTuple):
    """A blob that is to travel, and its bytes in the pack."""

    oid: Oid
    size: int


@dataclass
class TransitLine:
    """Batches that one connection sends: a ref of the other side, and the commit that it has there."""

    ref: str
    last: Oid


def list_refs(repository: Repository, theirs: Mapping[str, Oid]) -> list[str]:
    """Return the refs that pushes of this repository left in transit on the other side."""
    identity = _read_identity(repository)
    if identity is None:
        return []
    names = tuple(f"{namespace}{identity}" for namespace in NAMESPACES)
    return sorted(ref for ref in theirs if ref.startswith(names))


def open_lines(
    repository: Repository,
    remote: Remote,
    theirs: Mapping[str, Oid],
    *,
    count: int,
    namespaces: Sequence[str] = NAMESPACES,
    on_line: Callable[[str], None] = wire.log_line,
) -> list[TransitLine]:
    """Return lines for batches: those of an earlier push that broke, or so many new ones.

    New ones are set in the first of the namespaces that the other side allows; `theirs` are its refs.
    Raises `PushRefused` if it allows none.
    """
    known = [ref for ref in list_refs(repository, theirs) if theirs[ref] in repository.objects]
    if known:
        return [TransitLine(ref, theirs[ref]) for ref in known]
    first = write_commit(repository, (), parent=None)
    for namespace in namespaces:
        refs = make_refs(repository, namespace, count)
        specs = [RefSpec(ref, source=str(first), expected=str(theirs.get(ref, ""))) for ref in refs]
        try:
            wire.send(repository, remote, specs, on_line=on_line)
        except PushRefused as error:
            refusal = error
        else:
            return [TransitLine(ref, first) for ref in refs]
    # The user knows nothing of these refs.
    refused = [RefusedRef("the push", refusal.refused[0].reason)]
    raise PushRefused(remote, refused, lines=refusal.lines)


def sweep(repository: Repository, remote: Remote) -> None:
    """Delete what pushes of this repository left in transit on the other side, if that is possible."""
    with suppress(GitstoreError):
        refs = list_refs(repository, read_refs(repository, remote).refs)
        if refs:
            wire.send(repository, remote, [RefSpec(ref, is_deleted=True) for ref in refs])


def make_refs(repository: Repository, namespace: str, count: int) -> list[str]:
    """Return the refs for so many lines of a push of this repository."""
    identity = _read_identity(repository)
    if identity is None:
        identity = secrets.token_hex(8)
        make_directory(repository.private)
        replace_file(repository.private / _FILE, identity.encode())
    return [f"{namespace}{identity}{letter}" for letter in _LETTERS[:count]]


def send(
    repository: Repository,
    remote: Remote,
    batches: Sequence[Sequence[Blob]],
    *,
    lines: Sequence[TransitLine],
    progress: Progress,
    on_line: Callable[[str], None] = wire.log_line,
) -> None:
    """Send batches, those of each line one after the other, and move the lines on.

    `progress` is called with bytes sent. Raises like `wire.send`. What has arrived then stays.
    """

    def advance(line: TransitLine, batch: Sequence[Blob], report: Progress) -> None:
        commit = write_commit(repository, batch, parent=line.last)
        specs = [RefSpec(line.ref, source=str(commit))]
        reached = remote if line is lines[0] else remote.apart
        wire.send(repository, reached, specs, progress=report, on_line=on_line)
        line.last = commit

    shares = [batches[number :: len(lines)] for number in range(len(lines))]
    connections.run(
        [
            [partial(advance, line, batch) for batch in share]
            for line, share in zip(lines, shares, strict=True)
        ],
        progress=progress,
    )


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


def divide(blobs: Sequence[Blob], limit: int, *, count: int = 1) -> Iterator[list[Blob]]:
    """Divide blobs into batches of at most `limit` bytes, and into `count` batches or more.

    A larger blob is a batch of its own. There are fewer batches if there are fewer blobs.
    """
    largest = max((blob.size for blob in blobs), default=0)
    limit = min(limit, sum(blob.size for blob in blobs) // count + largest)
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
