"""Which refs a pull brings, and which it leaves alone: a pure function on the refs of both sides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gitstore.packs.oid import Oid

_STATES, _TAGS, _ALIASES = "refs/states/", "refs/tags/", "refs/aliases/"


class RefPair(NamedTuple):
    """A ref, here and on the other side. `None` is a ref that does not exist."""

    ref: str
    ours: Oid | None
    theirs: Oid


@dataclass(frozen=True)
class PullPlan:
    """What a pull does.

    `tags` and `states` are fetched. `conflicts` have another value on each side. `ahead` are states that
    moved only here: the next push sends them. `branch` has new commits there, or another history, and so
    have `aliases`.
    """

    branch: RefPair | None
    tags: tuple[RefPair, ...]
    states: tuple[RefPair, ...]
    conflicts: tuple[RefPair, ...]
    ahead: tuple[RefPair, ...]
    aliases: tuple[RefPair, ...] = ()

    @property
    def fetched(self) -> tuple[RefPair, ...]:
        """All that is fetched."""
        return (*self.tags, *self.states, *self.aliases, *((self.branch,) if self.branch is not None else ()))


@dataclass(frozen=True)
class Wanted:
    """What a pull asks for.

    `branch` is the ref of the other side that the checked-out branch follows. `prefixes` are those of the
    models whose snapshots are wanted. `tags` are refs that are wanted in any case. `states` are refs of
    states that are fetched even if they are not here; `all_states` wants all of them.
    """

    branch: str | None
    prefixes: Collection[str]
    tags: Collection[str] = ()
    states: Collection[str] = ()
    all_states: bool = False


def plan_pull(
    wanted: Wanted,
    ours: Mapping[str, Oid],
    theirs: Mapping[str, Oid],
    *,
    tip: Oid | None,
    last_seen: Mapping[str, Oid],
) -> PullPlan:
    """Decide what to fetch. `tip` is the commit that the branch has here.

    A snapshot never moves. A state moves if it is as it was `last_seen` on the other side.
    """
    tags, states = list[RefPair](), list[RefPair]()
    conflicts, ahead, aliases = list[RefPair](), list[RefPair](), list[RefPair]()
    for ref, oid in theirs.items():
        pair = RefPair(ref, ours.get(ref), oid)
        if pair.ours == oid or not _is_wanted(pair, wanted):
            continue
        if ref.startswith(_TAGS):
            (tags if pair.ours is None else conflicts).append(pair)
        elif ref.startswith(_ALIASES):
            aliases.append(pair)
        elif pair.ours in (None, last_seen.get(ref)):
            states.append(pair)
        else:
            (ahead if last_seen.get(ref) == oid else conflicts).append(pair)
    branch = None
    if wanted.branch is not None and theirs.get(wanted.branch, tip) != tip:
        branch = RefPair(wanted.branch, tip, theirs[wanted.branch])
    return PullPlan(branch, tuple(tags), tuple(states), tuple(conflicts), tuple(ahead), tuple(aliases))


def _is_wanted(pair: RefPair, wanted: Wanted) -> bool:
    namespace = next((space for space in (_TAGS, _STATES, _ALIASES) if pair.ref.startswith(space)), None)
    if namespace is None:
        return False
    if pair.ref in wanted.tags or pair.ref in wanted.states:
        return True
    prefix, slash, _ = pair.ref.removeprefix(namespace).rpartition("/")
    if f"{prefix}{slash}" not in wanted.prefixes:
        return False
    return namespace != _STATES or wanted.all_states or pair.ours is not None
