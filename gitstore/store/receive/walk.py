"""The walk over what a push brings: from each ref to its objects, in the order in which they are charged.

Each new object is marked with the number of the first ref that needs it. All trees on the way are surveyed.
The walk ends at commits that refs of the repository hold already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gitstore.errors import Corrupt
from gitstore.models import alias
from gitstore.models.alias import Move
from gitstore.objects import commit as commits
from gitstore.objects.commit import Commit
from gitstore.packs import limits as read_limits
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.limits import PushLimits
from gitstore.policy.push import PathProblem, PushedTree
from gitstore.policy.sizes import find_tree_problems
from gitstore.policy.states import StateSurvey
from gitstore.policy.survey import TreeSummary, TreeSurvey
from gitstore.policy.transit import find_transit_problem
from gitstore.store.receive.quarantine import Quarantine
from gitstore.text import shown

_MOST_PROBLEMS = 20
_EMPTY_TREE = Oid.of(Kind.TREE, b"")


class FoundCommit(NamedTuple):
    """A commit on the way, and how it is called in messages."""

    oid: Oid
    name: str
    tree: Oid
    parents: tuple[Oid, ...]


class RefWalk:
    """Walks over the objects of refs, one ref after the other.

    `reused` has the objects that exist already and that perhaps no ref holds, with their marks. The walk
    marks them as it marks those of the quarantine.
    """

    def __init__(self, quarantine: Quarantine, limits: PushLimits, *, reused: dict[Oid, int]) -> None:
        self.trees: list[PushedTree] = []
        self.problems: list[PathProblem] = []
        self.plain = TreeSurvey(quarantine, limits, note=self.note)
        self.states = StateSurvey(quarantine, limits, note=self.note)
        self._quarantine = quarantine
        self._limits = limits
        self._reused = reused
        self._number = 0
        self._seen: set[Oid] = set()
        self._moves = 0

    def begin(self, number: int) -> None:
        """Mark the objects that follow with a number, from 1 on."""
        self._number = number

    def note(self, oid: Oid) -> None:
        """Mark an object, unless it is marked already or is no new one."""
        table = self._quarantine.table
        at = table.find(oid)
        if at is not None:
            table.marks[at] = table.marks[at] or self._number
        elif oid in self._reused:
            self._reused[oid] = self._reused[oid] or self._number

    @property
    def is_over(self) -> bool:
        """Whether there are enough problems to refuse the push."""
        return len(self.problems) + sum(len(pushed.problems) for pushed in self.trees) >= _MOST_PROBLEMS

    def walk_parents(self, ref: str, parents: tuple[Oid, ...]) -> None:
        """Walk over the ancestors of a commit that the caller has looked at."""
        for parent in parents:
            self.walk_branch(ref, parent)

    def walk_branch(self, ref: str, tip: Oid) -> None:
        """Walk over a commit and its ancestors, each with its tree."""
        self._walk_commits(ref, tip, look=self._add_plain)

    def walk_state(self, ref: str, tip: Oid) -> None:
        """Walk over the commit of a state, or of a record's files."""
        self._walk_commits(ref, tip, look=self._add_state)

    def walk_alias(self, ref: str, tip: Oid) -> None:
        """Walk over the moves of an alias."""
        self._walk_commits(ref, tip, look=self._add_alias)

    def read_move(self, oid: Oid) -> Move | None:
        """Return the move of an alias that a commit is; `None` if it is none."""
        try:
            content = self._quarantine.read_as(Kind.COMMIT, oid, at_most=read_limits.COMMIT)
            return alias.parse_move(oid, content)
        except Corrupt:
            return None

    def walk_transit(self, ref: str, tip: Oid) -> None:
        """Walk over commits of blobs in transit."""
        self._walk_commits(ref, tip, look=self._add_transit)

    def read_commit(self, name: str, oid: Oid) -> Commit | None:
        """Return a commit; `None` if it cannot be read, which is then a problem."""
        try:
            found = commits.parse(self._quarantine.read_as(Kind.COMMIT, oid, at_most=read_limits.COMMIT))
        except (Corrupt, ValueError) as error:
            self.problems.append(PathProblem("ref-kind", name, f"does not lead to a commit: {error}"))
            return None
        if len(found.parents) > self._limits.parents:
            problem = f"has {len(found.parents):,} parents, over {self._limits.parents}"
            self.problems.append(PathProblem("parents", name, problem))
            return None
        return found

    def skip(self, oid: Oid) -> None:
        """Leave out a commit, whose tree the caller has looked at."""
        self._seen.add(oid)
        self.note(oid)

    def add_tree(self, name: str, summary: TreeSummary, *, below: str = "") -> None:
        """Note what a survey found in a tree: at the top of a commit, or `below`, like `code/`."""
        self.trees.append(PushedTree(name, summary.extent, tuple(_place(name, summary, below))))

    def _walk_commits(self, ref: str, tip: Oid, *, look: Callable[[FoundCommit], None]) -> None:
        waiting = [tip]
        while waiting and not self.is_over:
            oid = waiting.pop()
            if oid in self._seen or not self._is_new(oid):
                continue
            name = shown(ref) if oid == tip else f"{shown(ref)} at commit {oid.short}"
            self.skip(oid)
            found = self.read_commit(name, oid)
            if found is not None:
                self.note(found.tree)
                look(FoundCommit(oid, name, *found))
                waiting += found.parents

    def _is_new(self, oid: Oid) -> bool:
        return oid in self._reused or self._quarantine.table.find(oid) is not None

    def _add_root(self, name: str, root: Oid, *, survey: TreeSurvey) -> None:
        summary = survey.survey(root)
        pushed = PushedTree(name, summary.extent, tuple(_place(name, summary)))
        # Histories have thousands of trees, of which only those matter that are refused.
        if pushed.problems or any(find_tree_problems(pushed, self._limits)):
            self.trees.append(pushed)

    def _add_plain(self, found: FoundCommit) -> None:
        self._add_root(found.name, found.tree, survey=self.plain)

    def _add_state(self, found: FoundCommit) -> None:
        if found.parents:
            self.problems.append(PathProblem("state-commit", found.name, "has parents"))
        self._add_root(found.name, found.tree, survey=self.states)

    def _add_alias(self, found: FoundCommit) -> None:
        self._moves += 1
        if self._moves == self._limits.refs + 1:  # each is an event, all of which a hook has in memory
            problem = f"moves aliases more than {self._limits.refs:,} times"
            self.problems.append(PathProblem("ref-count", found.name, problem))
        if found.tree != _EMPTY_TREE or len(found.parents) > 1:
            problem = "holds files" if found.tree != _EMPTY_TREE else "has several parents"
            self.problems.append(PathProblem("alias-move", found.name, problem))
        elif self.read_move(found.oid) is None:
            self.problems.append(PathProblem("alias-move", found.name, "is not a move of an alias"))

    def _add_transit(self, found: FoundCommit) -> None:
        problem = find_transit_problem(self.plain, found.tree, is_new=self._is_new)
        if problem is not None:
            self.problems.append(problem._replace(path=f"{found.name}:{problem.path}"))


def _place(name: str, summary: TreeSummary, below: str = "") -> Iterator[PathProblem]:
    """Yield the problems of a tree with the whole paths, that of a link out of the tree included."""
    for problem in summary.problems:
        yield problem._replace(path=f"{name}:{below}{problem.path}")
    if summary.climb is not None:
        path = summary.climb.path.decode("utf-8", "replace")
        yield PathProblem("link", f"{name}:{below}{shown(path)}", "is a link out of its tree")
