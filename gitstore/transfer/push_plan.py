"""Which refs a push sends, and which it must not: a pure function on the refs of both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from gitstore.packs.oid import Oid


class RefKind(Enum):
    """What a ref is, which decides how it may move."""

    BRANCH = "branch"
    SNAPSHOT = "snapshot"
    STATE = "state"
    ALIAS = "alias"
    RECORD = "record"


_LINES = (RefKind.BRANCH, RefKind.ALIAS)
"""Refs that are lines of commits, and move forward only."""


class WantedRef(NamedTuple):
    """A ref to send. `name` is what people call it. `is_named` says that the user asked for it by name."""

    ref: str
    oid: Oid
    kind: RefKind
    name: str
    is_named: bool = False


class RefUpdate(NamedTuple):
    """A ref that will move on the other side, from `old` (`None`: it does not exist) to `wanted.oid`."""

    wanted: WantedRef
    old: Oid | None


class PushConflict(NamedTuple):
    """A ref that the other side has with another value, `theirs`, which nobody here has seen."""

    wanted: WantedRef
    theirs: Oid


@dataclass(frozen=True)
class PushPlan:
    """What a push does: `updates` move, `conflicts` must not, `unchanged` are equal on both sides.

    `behind` are branches and aliases of which the other side has more commits.
    """

    updates: tuple[RefUpdate, ...]
    conflicts: tuple[PushConflict, ...]
    unchanged: tuple[WantedRef, ...]
    behind: tuple[WantedRef, ...]


IsAncestor = Callable[[Oid, Oid], bool]
"""Whether the first commit is an ancestor of the second. A commit that is not here is no ancestor."""


def plan_push(
    wanted: list[WantedRef],
    theirs: Mapping[str, Oid],
    *,
    last_seen: Mapping[str, Oid],
    is_ancestor: IsAncestor,
) -> PushPlan:
    """Decide for each wanted ref whether it moves. `theirs` are the refs of the other side.

    A snapshot never moves. A branch and an alias move forward only. A state moves if the other side still
    has what was `last_seen` there.
    """
    updates, conflicts, unchanged, behind = [], [], [], []
    for ref in wanted:
        old = theirs.get(ref.ref)
        if old == ref.oid:
            unchanged.append(ref)
        elif old is None or _may_move(ref, old, last_seen=last_seen, is_ancestor=is_ancestor):
            updates.append(RefUpdate(ref, old))
        elif ref.kind in _LINES and is_ancestor(ref.oid, old):
            behind.append(ref)
        else:
            conflicts.append(PushConflict(ref, old))
    return PushPlan(tuple(updates), tuple(conflicts), tuple(unchanged), tuple(behind))


def _may_move(ref: WantedRef, old: Oid, *, last_seen: Mapping[str, Oid], is_ancestor: IsAncestor) -> bool:
    if ref.kind in _LINES:
        return is_ancestor(old, ref.oid)
    return ref.kind is RefKind.STATE and last_seen.get(ref.ref) == old
