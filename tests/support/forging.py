"""Objects, trees and snapshots that gitstore would not write."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from gitstore.git.repository import Repository
from gitstore.models import snapshot
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects import commit, tag, tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs.compression import deflate
from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import PackWriter
from tests.support.models import again

TIB = 1024**4


def claim(repository: Repository, kind: Kind, size: int, content: bytes = b"x") -> Oid:
    """An object whose entry says it has `size` bytes; the id is that of its content."""
    oid = Oid.of(kind, content)
    with PackWriter(repository.common / "objects" / "pack") as writer:
        writer.append(oid, entry_header(kind, size) + deflate(content))
        writer.finish()
    repository.objects.refresh()
    return oid


def add(repository: Repository, kind: Kind, content: bytes) -> Oid:
    with repository.writer() as writer:
        oid = writer.add(kind, content)
        writer.finish()
    return oid


def directory(repository: Repository, entries: dict[str, tuple[int, Oid]]) -> Oid:
    listed = [TreeEntry(mode, name.encode(), oid) for name, (mode, oid) in entries.items()]
    return add(repository, Kind.TREE, tree.encode(listed))


def forge(model: Model, name: str, **instead: Oid) -> Snapshot:
    """A snapshot like v1, with other trees or settings, whose tag agrees with that."""
    repository = again(model).repository
    ref = f"refs/tags/{name}"
    v1 = snapshot.read(repository, "refs/tags/v1", repository.refs.get("refs/tags/v1") or Oid(bytes(20)))
    assert v1 is not None
    held = {"code": v1.code_tree, "state": v1.state_tree, "settings": v1.settings_blob} | instead
    top = directory(
        repository,
        {
            "code": (Mode.TREE, held["code"]),
            "state": (Mode.TREE, held["state"]),
            "settings.yaml": (Mode.FILE, held["settings"]),
        },
    )
    who = "A <a@example.org> 1700000000 +0000"
    taken = add(repository, Kind.COMMIT, commit.encode(top, [], identity=who, message="forged"))
    trailers = dict(v1.tag.trailers) | {
        "Code-Tree": str(held["code"]),
        "State-Tree": str(held["state"]),
        "Settings-Blob": str(held["settings"]),
    }
    oid = add(
        repository, Kind.TAG, tag.encode(taken, name, identity=who, message="forged", trailers=trailers)
    )
    (repository.common / ref).write_text(f"{oid}\n")
    made = snapshot.read(again(model).repository, ref, oid)
    assert made is not None
    return made


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
