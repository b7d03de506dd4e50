"""A survey of trees: each is read once, however often it occurs, and its measures are kept.

A dozen trees can have 10^10 paths. So paths, depth and the longest path are computed from those of the
subtrees (*over the DAG, with memory*), and nothing is ever listed. Trees of states follow more rules than
others, so a tree that is both is read twice. `states.py` has these rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from gitstore.errors import Corrupt
from gitstore.objects import tree
from gitstore.objects.links import count_ascents
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs import limits as read_limits
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.limits import TREE_OVERHEAD, PushLimits
from gitstore.policy.names import find_collision, find_link_problem, find_name_problem, show_path
from gitstore.policy.push import PathProblem, TreeExtent

_MODES = frozenset(Mode)
_MOST_PROBLEMS = 3
"""Problems that are kept of a tree and all trees below it. One is enough to refuse a push."""


class ObjectReader(Protocol):
    """Reads objects. Both methods raise `Corrupt` for what cannot be read."""

    def header(self, oid: Oid) -> tuple[Kind, int]:
        """Return an object's kind and the size of its content."""

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int) -> bytes:
        """Return the content of an object of this kind."""


class TooManyTrees(Exception):
    """The trees of a push are larger than the limit for all of them."""


class Climb(NamedTuple):
    """The most directories that a link goes up above the top of a tree, and the link's path."""

    height: int
    path: bytes


class TreeSummary(NamedTuple):
    """What is remembered of a tree. Paths of `problems` begin below the tree."""

    extent: TreeExtent
    climb: Climb | None = None
    problems: tuple[PathProblem, ...] = ()


class TreeSurvey:
    """Surveys trees of one push. `note` is called with each object that a tree refers to."""

    def __init__(self, reader: ObjectReader, limits: PushLimits, *, note: Callable[[Oid], None]) -> None:
        self.reader = reader
        self.limits = limits
        self.note = note
        self._left = limits.trees
        self._summaries: dict[Oid, TreeSummary] = {}

    def survey(self, oid: Oid, depth: int = 0) -> TreeSummary:
        """Return the summary of a tree. Raises `TooManyTrees`."""
        known = self._summaries.get(oid)
        if known is None:
            known = self._summaries[oid] = self._survey(oid, depth)
        return known

    def read_entries(self, oid: Oid) -> list[TreeEntry] | PathProblem:
        """Return a tree's entries, or why it is refused. Counts what is read. Raises `TooManyTrees`."""
        try:
            size = self.reader.header(oid)[1]
            self._left -= size + TREE_OVERHEAD
            if self._left < 0:
                raise TooManyTrees
            if size > self.limits.tree:
                return PathProblem(
                    "object-size", "", f"is a tree of {size:,} bytes, over {self.limits.tree:,}"
                )
            content = self.reader.read_as(Kind.TREE, oid, at_most=self.limits.tree)
            return tree.parse(content)
        except (Corrupt, ValueError) as error:
            return PathProblem("tree-form", "", f"is a malformed tree: {error}")

    def _survey(self, oid: Oid, depth: int) -> TreeSummary:
        entries = self.read_entries(oid)
        if isinstance(entries, PathProblem):
            return TreeSummary(TreeExtent(), problems=(entries,))
        for entry in entries:
            if entry.mode != Mode.GITLINK:
                self.note(entry.oid)
        fold = Fold(self.limits)
        fold.add_names(entries)
        self._add_entries(entries, depth, fold=fold)
        return fold.finish()

    def _add_entries(self, entries: list[TreeEntry], depth: int, *, fold: Fold) -> None:
        """Count the entries of a tree that is so deep, and check them."""
        for entry in entries:
            if entry.is_tree and depth < self.limits.depth:
                fold.add_directory(entry.name, self.survey(entry.oid, depth + 1))
            else:
                fold.add_file(entry.name, self.find_entry_problem(entry))
                if entry.mode == Mode.LINK:
                    self._add_link(entry, fold)

    def find_entry_problem(self, entry: TreeEntry) -> PathProblem | None:
        """Return what is wrong with an entry, apart from its name and from where a link leads."""
        name = show_path(entry.name)
        if entry.is_tree:
            return PathProblem("depth", name, f"lies more than {self.limits.depth} directories deep")
        if entry.mode == Mode.GITLINK:
            return PathProblem("submodule", name, "is a submodule")
        if entry.mode not in _MODES:
            return PathProblem("tree-form", name, f"has the mode {entry.mode:o}, which git does not write")
        return None

    def _add_link(self, entry: TreeEntry, fold: Fold) -> None:
        target = self._read_link(entry)
        if isinstance(target, PathProblem):
            fold.add_problem(target)
            return
        problem = find_link_problem(target)
        if problem is None and tree.is_read_by_git(entry.name):
            problem = "is a link, which git does not follow"
        if problem is not None:
            fold.add_problem(PathProblem("link", show_path(entry.name), problem))
            return
        fold.add_climb(Climb(count_ascents(target.decode()) or 0, entry.name))

    def _read_link(self, entry: TreeEntry) -> bytes | PathProblem:
        name = show_path(entry.name)
        try:
            size = self.reader.header(entry.oid)[1]
            if size > read_limits.LINK:
                return PathProblem("link", name, f"is a link to a path of {size:,} bytes")
            return self.reader.read_as(Kind.BLOB, entry.oid, at_most=read_limits.LINK)
        except Corrupt as error:
            return PathProblem("link", name, f"is a link that cannot be read: {error.message}")


class Fold:
    """Computes the summary of a tree from its entries."""

    def __init__(self, limits: PushLimits) -> None:
        self._limits = limits
        self._paths = self._parts = self._depth = self._longest = 0
        self._climb: Climb | None = None
        self._problems: list[PathProblem] = []

    def add_names(self, entries: list[TreeEntry]) -> None:
        """Check the names of all entries."""
        for entry in entries:
            problem = find_name_problem(entry.name)
            if problem is not None:
                self.add_problem(problem)
        collision = find_collision(entry.name for entry in entries)
        if collision is not None:
            first, second = map(show_path, collision)
            self.add_problem(
                PathProblem("name-collision", second, f"is the same name as {first} on some file systems")
            )

    def add_problem(self, problem: PathProblem | None) -> None:
        """Note a problem of an entry."""
        if problem is not None and len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(problem)

    def add_file(self, name: bytes, problem: PathProblem | None, *, parts: int = 0) -> None:
        """Count an entry that has nothing below it."""
        self._paths += 1
        self._parts += parts
        self._longest = max(self._longest, len(name))
        self.add_problem(problem)

    def add_directory(self, name: bytes, below: TreeSummary) -> None:
        """Count a directory with all that is below it."""
        extent = below.extent
        self._paths += 1 + extent.paths
        self._parts += extent.parts
        self._depth = max(self._depth, 1 + extent.depth)
        self._longest = max(self._longest, len(name) + (1 + extent.longest if extent.paths else 0))
        if below.climb is not None:
            path = name[:100] + b"/" + below.climb.path[-300:]
            self.add_climb(Climb(below.climb.height - 1, path))
        for problem in below.problems:
            whole_path = show_path(name) + (f"/{problem.path}" if problem.path else "")
            self.add_problem(problem._replace(path=_cut(whole_path)))

    def add_climb(self, climb: Climb) -> None:
        """Note a link that goes up. One that stays in its directory matters to nobody above."""
        if climb.height > 0 and (self._climb is None or climb.height > self._climb.height):
            self._climb = climb

    def finish(self) -> TreeSummary:
        """Return the summary."""
        extent = TreeExtent(self._paths, self._parts, self._depth, self._longest)
        return TreeSummary(extent, self._climb, tuple(self._problems))


def _cut(path: str) -> str:
    return path if len(path) <= 400 else f"{path[:200]}…{path[-200:]}"
