"""What differs between two safetensors files, tensor by tensor, without holding either in memory."""

from __future__ import annotations

from dataclasses import dataclass

from gitstore.bigfiles.ranges import Content, same_bytes
from gitstore.diff import kinds
from gitstore.diff.safetensors import Header, Tensor, read_header
from gitstore.diff.settings import KeyChange, changes
from gitstore.progress import Progress


@dataclass(frozen=True)
class TensorChange:
    """A tensor that differs; `None` where there is none."""

    name: str
    before: Tensor | None
    after: Tensor | None

    @property
    def kind(self) -> str:
        """`added`, `removed`, or the first of `dtype`, `shape` and `values` that differs."""
        if self.before is None or self.after is None:
            return kinds.kind(self.before, self.after)
        if self.before.dtype != self.after.dtype:
            return "dtype"
        return "shape" if self.before.shape != self.after.shape else "values"


@dataclass(frozen=True)
class TensorDiff:
    """The tensors that differ, by name, how many do not, and what differs in the file's own metadata."""

    tensors: tuple[TensorChange, ...]
    unchanged: int
    metadata: tuple[KeyChange, ...]


def compare(before: Content, after: Content, progress: Progress = lambda _: None) -> TensorDiff:
    """Compare two files. Raises ValueError, with one line that says which is malformed and how.

    Values are read only where the files share no objects, some MiB at a time, up to the first byte of
    a tensor that differs. `progress` hears of bytes compared.
    """
    old, new = _header("old", before), _header("new", after)
    found = []
    # In the order of the bytes, so that each part is read once.
    names = old.tensors | new.tensors
    for name in names:
        each = TensorChange(name, old.tensors.get(name), new.tensors.get(name))
        if each.kind != "values" or not _has_same_values(each, before, after, progress=progress):
            found.append(each)
    found.sort(key=lambda each: each.name)
    return TensorDiff(tuple(found), len(names) - len(found), changes(old.metadata, new.metadata))


def _header(which: str, content: Content) -> Header:
    try:
        return read_header(content)
    except ValueError as error:
        raise ValueError(f"the {which} file is malformed: {error}") from error


def _has_same_values(change: TensorChange, before: Content, after: Content, *, progress: Progress) -> bool:
    old, new = change.before, change.after
    if old is None or new is None or old.end - old.start != new.end - new.start:
        return False
    return same_bytes(
        before,
        after,
        a_offset=old.start,
        b_offset=new.start,
        length=old.end - old.start,
        progress=progress,
    )
