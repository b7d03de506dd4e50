"""The decision: all rules, asked one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gitstore.policy import refs, sizes, snapshots
from gitstore.policy.limits import PushLimits
from gitstore.policy.push import MOST_HIDDEN, PathProblem, Push
from gitstore.policy.refusal import Refusal
from gitstore.policy.role import Role
from gitstore.policy.rules import refuse, refuse_path
from gitstore.text import counted, shown

MOST_REFUSALS = 20
"""Refusals that a pusher sees. A hostile push could have a million."""


def decide(push: Push, limits: PushLimits) -> tuple[Refusal, ...]:
    """Return why a push must not happen, at most 20 reasons; nothing if it may.

    Never raises. A refusal of the role comes alone: who may not push learns nothing else. If the collector
    of facts stopped at a limit, only what it knows is judged.
    """
    if push.role < Role.WRITE:
        return (refuse("role", "", f"needs the role write, and yours is {push.role.word}"),)
    problems = dict.fromkeys(_find_problems(push, limits))
    return tuple(refuse_path(problem) for problem in islice(problems, MOST_REFUSALS))


def _find_problems(push: Push, limits: PushLimits) -> Iterator[PathProblem]:
    yield from refs.find_problems(push, limits)
    pack_problem = sizes.find_pack_problem(push.pack, limits)
    if pack_problem is not None:
        yield pack_problem
    yield from push.problems
    for pushed in push.trees:
        yield from sizes.find_tree_problems(pushed, limits)
        yield from pushed.problems
    for broken in push.broken_tags:
        yield PathProblem(broken.rule, shown(broken.ref), broken.problem)
    for snapshot in push.snapshots:
        yield from snapshots.find_problems(snapshot)
    if push.hidden:
        oids = ", ".join(oid.short for oid in push.hidden[:3])
        count = counted(min(len(push.hidden), MOST_HIDDEN), "object")
        more = "over " if len(push.hidden) > MOST_HIDDEN else ""
        problem = f"has {more}{count} that none of its refs needs ({oids} …)"
        yield PathProblem("hidden-objects", "", problem)
