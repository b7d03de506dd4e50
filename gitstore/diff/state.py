"""What differs between two states, file by file: what is shared, and for safetensors which tensors.

A state is stored, or on disk; then its files are hashed to know what they would be stored as. Nothing
is written but the stat cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from gitstore.bigfiles import scan, stored
from gitstore.bigfiles.hash import hash_blobs
from gitstore.bigfiles.ranges import Content, Joined, OnDisk, same_bytes
from gitstore.diff import kinds
from gitstore.diff import tensors as tensor_diff
from gitstore.diff.safetensors import SUFFIX
from gitstore.diff.tensors import TensorDiff
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects.database import ObjectDatabase
from gitstore.packs.oid import Oid
from gitstore.progress import Progress


@dataclass
class Work:
    """How far a comparison is, in bytes.

    `progress` hears of bytes as they are dealt with, `expect` how many there will be in all.
    """

    progress: Progress = lambda _: None
    expect: Progress = lambda _: None
    _total: int = 0

    def add(self, size: int) -> None:
        """Expect so many bytes more."""
        self._total += size
        self.expect(self._total)

    @contextmanager
    def exactly(self, size: int) -> Iterator[Progress]:
        """Hand on progress, in the end of just so many bytes: a comparison stops at the first difference."""
        left = size

        def progress(amount: int) -> None:
            nonlocal left
            amount = min(amount, left)
            left -= amount
            self.progress(amount)

        yield progress
        progress(left)


@dataclass(frozen=True)
class Side:
    """One of two states that are compared: its name, and its files by path."""

    name: str
    files: Mapping[PurePosixPath, Content]

    @cached_property
    def blobs(self) -> frozenset[Oid]:
        """The objects that it is, or would be, stored as, trees left out."""
        return frozenset(blob for content in self.files.values() for blob in content.blobs)

    @cached_property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(content.size for content in self.files.values())


@dataclass(frozen=True)
class StateFileChange:
    """A file that differs. Sizes are bytes, `None` where there is no such file.

    Of its newer form, or of the one that is gone, `shared` bytes are in objects that the other state
    has as well, and `changed` bytes are not. `note` says why there are no `tensors`, where one expects them.
    """

    path: PurePosixPath
    before: int | None
    after: int | None
    shared: int
    changed: int
    tensors: TensorDiff | None = None
    note: str | None = None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return kinds.kind(self.before, self.after)


@dataclass(frozen=True)
class StateDiff:
    """The files that differ, by path, of two states with these names and bytes.

    `changed` bytes of the newer state are in objects that the older one lacks.
    """

    before: str
    after: str
    size_before: int
    size_after: int
    files: tuple[StateFileChange, ...]
    unchanged: int

    @property
    def changed(self) -> int:
        return sum(file.changed for file in self.files if file.after is not None)


def of_snapshot(snapshot: Snapshot) -> Side:
    """The state in a snapshot."""
    name = snapshot.state_name
    return Side(name, _stored(snapshot.repository.objects, snapshot.state))


def of_model(model: Model, work: Work) -> Side:
    """A model's active state as a snapshot would take it: on disk, else saved; without files if neither.

    Raises `GitstoreError` like `scan` and `hash_blobs`.
    """
    name = state.active(model)
    path, tree = state.directory(model, name), state.saved_tree(model, name)
    if path is not None:
        return Side(name, _on_disk(model, path, work))
    return Side(name, _stored(model.repository.objects, tree) if tree is not None else {})


def compare(before: Side, after: Side, work: Work) -> StateDiff:
    """Compare two states."""
    old, new = before.files, after.files
    common = old.keys() & new.keys()
    found = [
        StateFileChange(path, old[path].size, None, *_shares(old[path], after))
        for path in old.keys() - common
    ]
    found += [
        StateFileChange(path, None, new[path].size, *_shares(new[path], before))
        for path in new.keys() - common
    ]
    sizes = {path: _to_compare(path, old[path], new[path]) for path in sorted(common)}
    work.add(sum(sizes.values()))
    for path, size in sizes.items():
        with work.exactly(size) as progress:
            if _same(old[path], new[path], progress):
                continue
            tensors, note = _compare_tensors(path, old[path], new[path], progress=progress)
        shares = _shares(new[path], before)
        found.append(StateFileChange(path, old[path].size, new[path].size, *shares, tensors, note))
    found.sort(key=lambda each: each.path)
    unchanged = len(old.keys() | new.keys()) - len(found)
    return StateDiff(before.name, after.name, before.size, after.size, tuple(found), unchanged)


def _stored(database: ObjectDatabase, tree: Oid) -> dict[PurePosixPath, Content]:
    return {file.path: Joined(database, file.blobs) for file in stored.files(database, tree, joined=True)}


def _on_disk(model: Model, directory: Path, work: Work) -> dict[PurePosixPath, Content]:
    cache, listing = model.repository.stat_cache(), scan.scan(directory)
    work.add(listing.size)
    hashed_files = hash_blobs(listing, model.repository.objects, cache, progress=work.progress)
    return {
        PurePosixPath(path.relative_to(directory)): OnDisk(path, hashed)
        for path, hashed in hashed_files.items()
    }


def _to_compare(path: PurePosixPath, old: Content, new: Content) -> int:
    """How many bytes `_same` and `_compare_tensors` compare at the most."""
    if old.blobs == new.blobs:
        return 0
    return (old.size == new.size) * new.size + (path.suffix.lower() == SUFFIX) * new.size


def _same(old: Content, new: Content, progress: Progress) -> bool:
    """Whether two files hold the same, even if one was cut otherwise, as not we but others may have."""
    if old.blobs == new.blobs:
        return True
    return old.size == new.size and same_bytes(old, new, length=old.size, progress=progress)


def _compare_tensors(
    path: PurePosixPath, old: Content, new: Content, *, progress: Progress
) -> tuple[TensorDiff | None, str | None]:
    """What differs between two safetensors files, or why that cannot be told; nothing for other files."""
    if path.suffix.lower() != SUFFIX:
        return None, None
    try:
        return tensor_diff.compare(old, new, progress), None
    except ValueError as error:
        return None, f"not compared by tensor: {error}"


def _shares(content: Content, other: Side) -> tuple[int, int]:
    """The bytes of a file in objects that another state has as well, and in those that it lacks."""
    shared = sum(piece.end - piece.start for piece in content.pieces if piece.oid in other.blobs)
    return shared, content.size - shared
