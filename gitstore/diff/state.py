"""What differs between two states, file by file: the bytes that they share, and safetensors by tensor.

A state is stored or on disk. The files of a state on disk are hashed, to learn which objects they would
be stored as. Nothing is written but the stat cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from gitstore.bigfiles import scan, stored
from gitstore.bigfiles.hash import hash_files
from gitstore.bigfiles.parts import Part
from gitstore.bigfiles.ranges import Content, Joined, OnDisk, count_shared, hold_same_bytes
from gitstore.diff import tensors as tensor_diff
from gitstore.diff.kinds import classify_change
from gitstore.diff.tensors import Compared, TensorDiff
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects.database import AbsentObject, ObjectDatabase
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.tensors.safetensors import SUFFIX


@dataclass
class Work:
    """The bytes that a comparison has dealt with.

    `progress` is called with bytes as they are dealt with, `expect` with the total as far as it is known.
    """

    progress: Progress = lambda _: None
    expect: Progress = lambda _: None
    _total: int = 0

    def expect_more(self, size: int) -> None:
        """Add bytes to the total."""
        self._total += size
        self.expect(self._total)

    @contextmanager
    def report_exactly(self, size: int) -> Iterator[Progress]:
        """Pass progress on, and report exactly `size` bytes by the end of the block.

        A comparison stops at the first difference, so the bytes that it reports may be fewer.
        """
        remaining = size

        def progress(amount: int) -> None:
            nonlocal remaining
            amount = min(amount, remaining)
            remaining -= amount
            self.progress(amount)

        yield progress
        progress(remaining)


@dataclass(frozen=True)
class Side:
    """One of two states that are compared: its name, and its files by path.

    `database` has the parts of a saved state.
    """

    name: str
    files: Mapping[PurePosixPath, Content]
    database: ObjectDatabase | None = None

    @cached_property
    def parts(self) -> frozenset[Part]:
        """The parts that its files are, or would be, stored in."""
        return frozenset(part for content in self.files.values() for part in content.parts)

    @cached_property
    def size(self) -> int | None:
        """The bytes of all its files; `None` if a partial clone lacks some of them."""
        try:
            return sum(content.size for content in self.files.values())
        except AbsentObject:
            return None


@dataclass(frozen=True)
class StateFileChange:
    """A file that differs. `before` and `after` are sizes in bytes, `None` where there is no such file.

    `shared` and `changed` count the bytes of the newer file, or of a removed one: those in parts that
    the other state also has, and the others. `note` says why a safetensors file has no `tensors`.
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
        return classify_change(self.before, self.after)


@dataclass(frozen=True)
class StateDiff:
    """The files that differ, in order of path, of two states with these names and sizes in bytes.

    `unchanged` is the number of the other files.
    """

    before: str
    after: str
    size_before: int | None
    size_after: int | None
    files: tuple[StateFileChange, ...]
    unchanged: int

    @property
    def changed(self) -> int:
        """The bytes of the newer state in parts that the older one lacks."""
        return sum(file.changed for file in self.files if file.after is not None)


def read_snapshot(snapshot: Snapshot) -> Side:
    """Return the state of a snapshot."""
    return _open_stored(snapshot.state_name, snapshot.repository.objects, tree=snapshot.state_tree)


def read_model(model: Model, work: Work) -> Side:
    """Return a model's active state as a snapshot would store it: on disk, else saved, else without files.

    Raises `GitstoreError` like `scan` and `hash_files`.
    """
    name = model.active_state
    path, tree = state.find_directory(model, name), state.find_saved_tree(model, name)
    if path is not None:
        return Side(name, _hash_files(model, path, work))
    return _open_stored(name, model.repository.objects, tree=tree) if tree is not None else Side(name, {})


def compare(before: Side, after: Side, work: Work) -> StateDiff:
    """Compare two states. What a partial clone lacks is fetched if they differ."""
    if before.parts != after.parts:
        databases = {side.database for side in (before, after) if side.database is not None}
        for database in databases:
            database.provide(part.oid for side in (before, after) for part in side.parts)
    old, new = before.files, after.files
    common = old.keys() & new.keys()
    changes = [
        StateFileChange(path, old[path].size, None, *_split_size(old[path], after))
        for path in old.keys() - common
    ]
    changes += [
        StateFileChange(path, None, new[path].size, *_split_size(new[path], before))
        for path in new.keys() - common
    ]
    sizes = {path: _count_compared(path, old[path], new[path]) for path in sorted(common)}
    work.expect_more(sum(sizes.values()))
    for path, size in sizes.items():
        with work.report_exactly(size) as progress:
            if _has_same_bytes(old[path], new[path], progress):
                continue
            tensors, note = _compare_tensors(
                path,
                Compared(old[path], before.parts),
                Compared(new[path], after.parts),
                progress=progress,
            )
        shares = _split_size(new[path], before)
        changes.append(StateFileChange(path, old[path].size, new[path].size, *shares, tensors, note))
    changes.sort(key=lambda change: change.path)
    unchanged = len(old.keys() | new.keys()) - len(changes)
    return StateDiff(before.name, after.name, before.size, after.size, tuple(changes), unchanged)


def _open_stored(name: str, database: ObjectDatabase, *, tree: Oid) -> Side:
    files = stored.list_files(database, tree, joined=True)
    return Side(name, {file.path: Joined(database, file) for file in files}, database)


def _hash_files(model: Model, directory: Path, work: Work) -> dict[PurePosixPath, Content]:
    cache, listing = model.repository.stat_cache(), scan.scan_directory(directory)
    work.expect_more(listing.size)
    hashed_files = hash_files(listing, model.repository.objects, cache, progress=work.progress)
    return {
        PurePosixPath(path.relative_to(directory)): OnDisk(path, hashed)
        for path, hashed in hashed_files.items()
    }


def _count_compared(path: PurePosixPath, old: Content, new: Content) -> int:
    """Return how many bytes `_has_same_bytes` and `_compare_tensors` compare at most."""
    if old.parts == new.parts:
        return 0
    return (old.size == new.size) * new.size + (path.suffix.lower() == SUFFIX) * new.size


def _has_same_bytes(old: Content, new: Content, progress: Progress) -> bool:
    """Whether two files hold the same bytes, even if another program cut one of them into other parts."""
    if old.parts == new.parts:
        return True
    return old.size == new.size and hold_same_bytes(old, new, length=old.size, progress=progress)


def _compare_tensors(
    path: PurePosixPath, old: Compared, new: Compared, *, progress: Progress
) -> tuple[TensorDiff | None, str | None]:
    """Compare two safetensors files: their difference, or why they were not compared. Ignores other files."""
    if path.suffix.lower() != SUFFIX:
        return None, None
    try:
        return tensor_diff.compare(old, new, progress), None
    except ValueError as error:
        return None, f"not compared by tensor: {error}"


def _split_size(content: Content, other: Side) -> tuple[int, int]:
    """Return how many bytes of a file are in parts that another state has, and how many are not."""
    shared = count_shared(content, other.parts, start=0, end=content.size)
    return shared, content.size - shared
