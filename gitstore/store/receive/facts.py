"""The facts of a push, read from git's quarantine before anything of it is visible.

Memory and time are bounded: sizes are compared with the limits before contents are read, each tree is read
once, and blobs are not read, except settings and the targets of links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.ledger.charging import order_refs
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.limits import PushLimits
from gitstore.policy.push import (
    MOST_HIDDEN,
    BrokenTag,
    PathProblem,
    Push,
    PushedAlias,
    PushedSnapshot,
    RefMove,
)
from gitstore.policy.refs import Namespace
from gitstore.policy.role import Role
from gitstore.policy.sizes import ObjectCounter, find_pack_problem
from gitstore.policy.survey import TooManyTrees
from gitstore.store.receive.asked import AskedChange
from gitstore.store.receive.quarantine import Quarantine
from gitstore.store.receive.snapshots import SnapshotReader
from gitstore.store.receive.walk import RefWalk
from gitstore.text import shown

_FORWARD = (Namespace.NOTES, Namespace.ALIAS)
"""Namespaces whose refs must move forward, like the branch of HEAD."""

_MOST_ASKED = 200

_MOST_BROKEN = 20


@dataclass(frozen=True)
class Facts:
    """The facts of a push: `push` for the policy, the rest for the ledger (`needed.list_needed`).

    `ordered` are the refs that get a value, in the order in which objects are charged. `reused` has the
    objects that the push needs, that exist outside of the quarantine, and that perhaps no ref holds, with the
    number in `ordered` (from 1 on) of the first ref that needs them. After the reservation, with which no gc
    begins, `find_missing` must return none of them.
    """

    push: Push
    quarantine: Quarantine
    ordered: tuple[RefMove, ...]
    reused: Mapping[Oid, int]


def find_missing(repository: Repository, oids: Sequence[Oid]) -> list[Oid]:
    """Return those of some objects that are not in the repository, outside of any quarantine."""
    repository.objects.refresh()
    return repository.objects.list_missing(oids)


def collect(
    repository: Repository,
    changes: Sequence[AskedChange],
    *,
    quarantine: Path | None,
    role: Role,
    limits: PushLimits,
) -> Facts:
    """Return the facts of a push. `quarantine` is `None` if the push brings no objects.

    Raises `Corrupt` if the repository itself is damaged, and `GitFailed`.
    """
    return _Collector(repository, quarantine, limits=limits).collect(changes, role)


class _Collector:
    """Collects the facts of one push."""

    def __init__(self, repository: Repository, directory: Path | None, *, limits: PushLimits) -> None:
        self._repository = repository
        self._limits = limits
        self._quarantine = Quarantine(repository, directory)
        self._head = repository.refs.symbolic("HEAD")
        self._asked = 0
        self._reused: dict[Oid, int] = {}
        self._walk = RefWalk(self._quarantine, limits, reused=self._reused)
        self._reader = SnapshotReader(self._quarantine, self._walk)
        self._snapshots: list[PushedSnapshot] = []
        self._broken: list[BrokenTag] = []
        self._aliases: list[PushedAlias] = []

    def collect(self, changes: Sequence[AskedChange], role: Role) -> Facts:
        pack = self._quarantine.measure_packs()
        problems = self._find_size_problems(pack, changes)
        moves = tuple(map(self._make_move, changes)) if not problems else ()
        ordered = sorted((move for move in moves if move.new), key=lambda move: order_refs(move.ref))
        if not problems:
            self._list_reused(ordered)
            problems = self._walk_refs(ordered)
        is_whole = not problems and not self._walk.is_over and not self._broken
        push = Push(
            role=role,
            moves=moves,
            refs=self._repository.refs.list_below("refs/").refs,
            head=self._head,
            pack=pack,
            objects=self._quarantine.table,
            hidden=self._find_hidden() if is_whole else (),
            snapshots=tuple(self._reader.add_bases(self._snapshots)),
            broken_tags=tuple(self._broken),
            aliases=tuple(self._aliases),
            trees=tuple(self._walk.trees),
            problems=(*problems, *self._walk.problems),
        )
        return Facts(push, self._quarantine, tuple(ordered), self._reused)

    def _find_size_problems(self, pack: int, changes: Sequence[AskedChange]) -> list[PathProblem]:
        """List the objects, unless the pack is too large already. Nothing has been read yet."""
        problem = find_pack_problem(pack, self._limits)
        if problem is not None:
            return [problem]
        if len(changes) > self._limits.refs:
            return [
                PathProblem("ref-count", "", f"changes {len(changes):,} refs, over {self._limits.refs:,}")
            ]
        counter = ObjectCounter(self._limits)
        self._quarantine.list_objects(counter)
        return list(counter.find_problems())

    def _make_move(self, change: AskedChange) -> RefMove:
        ref, old, new = change
        try:
            kind = self._quarantine.header(new)[0] if new is not None else None
        except Corrupt:
            kind = None
        return RefMove(ref, old, new, kind, is_forward=self._is_forward(change, kind))

    def _is_forward(self, change: AskedChange, kind: Kind | None) -> bool:
        """Whether a ref moves forward, if a rule asks for that. At most 200 answers take a process of git."""
        ref, old, new = change
        is_asked = ref == self._head or Namespace.of(ref) in _FORWARD
        if old is None or new is None or kind is not Kind.COMMIT or not is_asked:
            return False
        found = self._walk.read_commit(shown(ref), new)
        if found is not None and old in found.parents:
            return True
        self._asked += 1
        return self._asked <= _MOST_ASKED and bool(self._quarantine.select_descendants(old, {new}))

    def _list_reused(self, ordered: Sequence[RefMove]) -> None:
        table = self._quarantine.table
        for oid in self._quarantine.list_needed(move.new for move in ordered if move.new is not None):
            if table.find(oid) is None:
                self._reused[oid] = 0

    def _walk_refs(self, ordered: Sequence[RefMove]) -> list[PathProblem]:
        try:
            for number, move in enumerate(ordered, start=1):
                self._walk.begin(number)
                self._walk_ref(move)
                if self._walk.is_over or len(self._broken) > _MOST_BROKEN:
                    break
        except TooManyTrees:
            problem = f"leads to trees of over {self._limits.trees:,} bytes"
            return [PathProblem("tree-sum", "", problem)]
        return []

    def _walk_ref(self, move: RefMove) -> None:
        if move.new is None:
            return
        match Namespace.of(move.ref), move.kind:
            case Namespace.SNAPSHOT, Kind.TAG:
                snapshot = self._reader.read(move.ref, move.new)
                if isinstance(snapshot, BrokenTag):
                    self._broken.append(snapshot)
                else:
                    self._snapshots.append(snapshot)
            case ((Namespace.STATE | Namespace.RECORD), Kind.COMMIT):
                self._walk.walk_state(move.ref, move.new)
            case Namespace.ALIAS, Kind.COMMIT:
                self._walk.walk_alias(move.ref, move.new)
                self._add_alias(move.ref, move.new)
            case Namespace.TRANSIT, Kind.COMMIT:
                self._walk.walk_transit(move.ref, move.new)
            case _, Kind.COMMIT:
                self._walk.walk_branch(move.ref, move.new)
            case _:
                self._walk.note(move.new)

    def _add_alias(self, ref: str, tip: Oid) -> None:
        last = self._walk.read_move(tip)
        if last is not None:
            model, slash, _ = ref.removeprefix(Namespace.ALIAS.value).rpartition("/")
            target = f"{Namespace.SNAPSHOT.value}{model}{slash}{last.new.snapshot}"
            self._aliases.append(PushedAlias(ref, target, last.new.tag))

    def _find_hidden(self) -> tuple[Oid, ...]:
        """Return the new objects that no ref needs and that the repository does not have."""
        table, objects = self._quarantine.table, self._repository.objects
        hidden = (oid for at, oid in enumerate(table) if not table.marks[at] and oid not in objects)
        return tuple(islice(hidden, MOST_HIDDEN + 1))
