"""What differs between two safetensors files, tensor by tensor. Neither file is held in memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

from gitstore.bigfiles.parts import Part
from gitstore.bigfiles.ranges import Content, count_shared, hold_same_bytes
from gitstore.diff.kinds import classify_change
from gitstore.diff.settings import KeyChange, compare_values
from gitstore.progress import Progress
from gitstore.tensors.safetensors import Header, Tensor, read_header


@dataclass(frozen=True)
class TensorChange:
    """A tensor that differs; `before` or `after` is `None` if that file has no tensor of this name.

    `shared` counts the bytes of the newer tensor, or of a removed one, that are in parts which the other
    state also has.
    """

    name: str
    before: Tensor | None
    after: Tensor | None
    shared: int = 0

    @property
    def size(self) -> int:
        """The bytes of the newer tensor, or of a removed one."""
        tensor = self.after or self.before
        return tensor.end - tensor.start if tensor is not None else 0

    @property
    def changed(self) -> int:
        """The bytes of it in parts that the other state lacks."""
        return self.size - self.shared

    @property
    def kind(self) -> str:
        """`added`, `removed`, or the first of `dtype`, `shape` and `values` that differs."""
        if self.before is None or self.after is None:
            return classify_change(self.before, self.after)
        if self.before.dtype != self.after.dtype:
            return "dtype"
        return "shape" if self.before.shape != self.after.shape else "values"


@dataclass(frozen=True)
class TensorDiff:
    """The tensors that differ, by name, the number that do not, and the changed keys of the metadata."""

    tensors: tuple[TensorChange, ...]
    unchanged: int
    metadata: tuple[KeyChange, ...]


class Compared(NamedTuple):
    """A file that is compared, and the parts of all files of its state."""

    file: Content
    parts: Collection[Part]


def compare(before: Compared, after: Compared, progress: Progress = lambda _: None) -> TensorDiff:
    """Compare two files.

    Values are read only where the files share no parts, a few MiB at a time, up to the first byte of a tensor
    that differs. A tensor that begins at a cut in both files, as in every large file that gitstore cut, is
    equal without a read if its parts are. `progress` is called with the bytes compared. Raises ValueError,
    with one line that says which file is malformed and how.
    """
    old, new = _read_header("old", before.file), _read_header("new", after.file)
    changes = []
    # In the order of the bytes, so that each part is read once.
    names = old.tensors | new.tensors
    for name in names:
        change = TensorChange(name, old.tensors.get(name), new.tensors.get(name))
        if change.kind != "values" or not _has_same_values(
            change, before.file, after.file, progress=progress
        ):
            changes.append(replace(change, shared=_count_shared(change, before, after)))
    changes.sort(key=lambda change: change.name)
    metadata = compare_values(old.metadata, new.metadata)
    return TensorDiff(tuple(changes), len(names) - len(changes), metadata)


def _read_header(age: str, content: Content) -> Header:
    try:
        return read_header(content)
    except ValueError as error:
        raise ValueError(f"the {age} file is malformed: {error}") from error


def _has_same_values(change: TensorChange, before: Content, after: Content, *, progress: Progress) -> bool:
    old, new = change.before, change.after
    if old is None or new is None or old.end - old.start != new.end - new.start:
        return False
    return hold_same_bytes(
        before,
        after,
        a_offset=old.start,
        b_offset=new.start,
        length=old.end - old.start,
        progress=progress,
    )


def _count_shared(change: TensorChange, before: Compared, after: Compared) -> int:
    """Count the bytes of a tensor in parts that the other state has."""
    tensor, file, others = change.after, after.file, before.parts
    if tensor is None:
        tensor, file, others = change.before, before.file, after.parts
    return count_shared(file, others, start=tensor.start, end=tensor.end) if tensor is not None else 0
