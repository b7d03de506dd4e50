"""Repositories with thousands of snapshots, written at once."""

from __future__ import annotations

from gitstore.models.snapshot import Snapshot
from gitstore.objects import commit, tag
from gitstore.packs.oid import Kind

_IDENTITY = "Ada Lovelace <ada@example.org> 1700000000 +0000"


def add_snapshots(first: Snapshot, count: int) -> None:
    """Add so many snapshots of the same tree, v2, v3 and so on, in one pack, and pack their refs."""
    repository = first.repository
    parents, refs = repository.commit(first.commit).parents, []
    with repository.writer() as writer:
        for number in range(2, count + 2):
            content = commit.encode(first.tree, parents, identity=_IDENTITY, message=f"v{number}")
            tagged = writer.add(Kind.COMMIT, content)
            content = tag.encode(
                tagged, f"v{number}", identity=_IDENTITY, message="many", trailers=first.tag.trailers
            )
            refs.append(f"create refs/tags/v{number} {writer.add(Kind.TAG, content)}\n")
        writer.finish()
        repository.git("update-ref", "--stdin", stdin="".join(refs).encode())
    repository.git("pack-refs", "--all")
