"""Rules for sizes. The collector of facts asks for them before it reads any object."""

from __future__ import annotations

from collections.abc import Iterator

from gitstore.packs import limits as read_limits
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.limits import DELTA_DEPTH, PushLimits
from gitstore.policy.push import NewObject, PathProblem, PushedTree

_MOST_PROBLEMS = 5


class ObjectCounter:
    """Compares new objects with the limits while they are listed, so that listing can stop early."""

    def __init__(self, limits: PushLimits) -> None:
        self._limits = limits
        self._count = self._inflated = 0
        self.problems: list[PathProblem] = []

    @property
    def is_over(self) -> bool:
        """Whether no more objects need to be looked at: the push is refused anyway."""
        limits = self._limits
        is_over = self._count > limits.objects or self._inflated > limits.inflated
        return is_over or len(self.problems) >= _MOST_PROBLEMS

    def begin(self, count: int) -> bool:
        """Note how many objects there are. Returns whether to look at them: not if they are too many."""
        self._count = count
        return not self.is_over

    def add(self, oid: Oid, new: NewObject) -> None:
        """Count an object."""
        self._inflated += new.size
        limit = {Kind.BLOB: self._limits.object, Kind.TREE: self._limits.tree}.get(
            new.kind, read_limits.COMMIT
        )
        if new.size > limit:
            problem = f"is a {new.kind.name.lower()} of {new.size:,} bytes, over {limit:,}"
            self.problems.append(PathProblem("object-size", f"object {oid.short}", problem))

    def add_chain(self, oid: Oid) -> None:
        """Count an object that too many deltas make."""
        problem = f"is made by a chain of over {DELTA_DEPTH} deltas"
        self.problems.append(PathProblem("delta-depth", f"object {oid.short}", problem))

    def find_problems(self) -> Iterator[PathProblem]:
        """Yield what is over a limit so far."""
        limits = self._limits
        yield from self.problems
        if self._count > limits.objects:
            yield PathProblem("object-count", "", f"has more than {limits.objects:,} objects")
        if self._inflated > limits.inflated:
            yield PathProblem("inflated-size", "", f"has objects of over {limits.inflated:,} bytes")


def find_pack_problem(size: int, limits: PushLimits) -> PathProblem | None:
    """Return what is wrong with the bytes of a pack."""
    if size <= limits.pack:
        return None
    return PathProblem("pack-size", "", f"has a pack of {size:,} bytes, over {limits.pack:,}")


def find_tree_problems(pushed: PushedTree, limits: PushLimits) -> Iterator[PathProblem]:
    """Yield what is wrong with the extent of a tree."""
    extent, path = pushed.extent, pushed.path
    if extent.paths > limits.paths:
        yield PathProblem("path-count", path, f"has {_count(extent.paths)} paths, over {limits.paths:,}")
    if extent.parts > limits.parts:
        yield PathProblem("part-count", path, f"has {_count(extent.parts)} parts, over {limits.parts:,}")
    if extent.depth > limits.depth:
        yield PathProblem("depth", path, f"is {_count(extent.depth)} directories deep, over {limits.depth}")
    if extent.longest > limits.path:
        yield PathProblem(
            "path-length", path, f"has a path of {_count(extent.longest)} bytes, over {limits.path:,}"
        )


def _count(number: int) -> str:
    """Return a number for people; of one with hundreds of digits, how many it has."""
    return f"{number:,}" if number < 10**18 else "over 10^18"
