"""The decision: all rules, asked one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from gitstore.policy.limits import PushLimits
from gitstore.policy.push import PathProblem, Push
from gitstore.policy.refusal import Refusal
from gitstore.policy.role import Role
from gitstore.policy.rules import refuse, refuse_path


def decide(push: Push, limits: PushLimits) -> tuple[Refusal, ...]:
    """Return why a push must not happen, in the order of the rules; nothing if it may.

    Never raises. A refusal of the role comes alone: who may not push learns nothing else.
    """
    if push.role < Role.WRITE:
        return (refuse("role", "", f"needs the role write, and yours is {push.role.word}"),)
    problems = [*_check_sizes(push, limits), *push.problems]
    return tuple(map(refuse_path, problems))


def _check_sizes(push: Push, limits: PushLimits) -> Iterator[PathProblem]:
    if push.pack > limits.pack:
        yield PathProblem("pack-size", "", f"has a pack of {push.pack:,} bytes, over {limits.pack:,}")
