"""Rules for refs: where they may be, what they are called, who may move them and how."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import Enum

from gitstore.names import name_problem, spell_tag
from gitstore.packs.oid import Kind
from gitstore.policy.limits import PushLimits
from gitstore.policy.names import fold
from gitstore.policy.push import PathProblem, Push, RefMove
from gitstore.policy.role import Role
from gitstore.text import shown


class Namespace(Enum):
    """What a ref is, by its beginning; in the order in which objects are charged."""

    SNAPSHOT = "refs/tags/"
    STATE = "refs/states/"
    BRANCH = "refs/heads/"
    ALIAS = "refs/aliases/"
    NOTES = "refs/notes/"
    RECORD = "refs/records/"
    TRANSIT = "refs/gitstore/transit/"

    @classmethod
    def of(cls, ref: str) -> Namespace | None:
        """Return the namespace of a ref; `None` if a store has none for it."""
        return next((namespace for namespace in cls if ref.startswith(namespace.value)), None)


SNAPSHOT_FIXED = "snapshot-fixed"
"""The rule by which a client knows that a push cannot delete a snapshot, but the store can."""

_FORWARD = {Namespace.ALIAS: "alias-forward", Namespace.NOTES: "notes-forward"}
"""Namespaces whose refs only move forward, and the rule that says so."""

_MOST_STEPS = 20
_LONGEST_STEP = 240  # bytes: git adds ".lock" to the file of a ref
_HEX = re.compile("[0-9a-f]{40}")
_TRANSIT_ID = re.compile("[0-9A-Za-z]{1,64}")


def find_problems(push: Push, limits: PushLimits) -> Iterator[PathProblem]:
    """Yield what is wrong with the refs of a push."""
    if len(push.moves) > limits.refs:
        yield PathProblem("ref-count", "", f"changes {len(push.moves):,} refs, over {limits.refs:,}")
        return
    for move in push.moves:
        problem = _find_place_problem(move) or _find_move_problem(move, push, limits=limits)
        if problem is not None:
            yield PathProblem(problem[0], shown(move.ref), problem[1])
    yield from _find_collisions(push)
    yield from _find_alias_problems(push)


def _find_alias_problems(push: Push) -> Iterator[PathProblem]:
    """Yield the aliases that lead nowhere."""
    later = {move.ref: move.new for move in push.moves}
    for ref, snapshot_ref, tag in push.aliases:
        if later.get(snapshot_ref, push.refs.get(snapshot_ref)) != tag:
            problem = f"names {shown(spell_tag(snapshot_ref))}, which is not there with the tag {tag.short}"
            yield PathProblem("alias-move", shown(ref), problem)


def _find_place_problem(move: RefMove) -> tuple[str, str] | None:
    """Return the rule that a ref breaks by its name or kind, and how."""
    namespace = Namespace.of(move.ref)
    if namespace is None:
        return "namespace", "is not a ref that a store has"
    if move.new is None:
        return None  # what should not be there may go
    problem = _find_name_problem(namespace, move.ref.removeprefix(namespace.value))
    if problem is not None:
        return "ref-name", problem
    if namespace is Namespace.SNAPSHOT:
        return None if move.kind is Kind.TAG else ("ref-kind", "is not an annotated tag")
    return None if move.kind is Kind.COMMIT else ("ref-kind", "does not lead to a commit")


def _find_name_problem(namespace: Namespace, name: str) -> str | None:
    """Return what is wrong with the name of a ref behind its namespace."""
    steps = name.split("/")
    match namespace:
        case Namespace.SNAPSHOT | Namespace.STATE | Namespace.ALIAS if len(steps) > 2:
            return "has more than a model and a name"
        case Namespace.RECORD if len(steps) != 2 or not _HEX.fullmatch(steps[0]):
            return "is not the id of an object and a name"
        case Namespace.RECORD:
            steps = steps[1:]
        case Namespace.TRANSIT:
            return None if _TRANSIT_ID.fullmatch(name) else "is not an id of letters and digits"
        case Namespace.BRANCH | Namespace.NOTES:
            return _find_path_problem(steps)
        case _:
            pass
    problems = (problem and f"{shown(step)} {problem}" for step in steps if (problem := name_problem(step)))
    return next(problems, None)


def _find_path_problem(steps: list[str]) -> str | None:
    """Return what is wrong with the steps of a branch's name. git-check-ref-format(1) forbids more."""
    if len(steps) > _MOST_STEPS:
        return f"has more than {_MOST_STEPS} steps"
    for step in steps:
        if len(step.encode("utf-8", "surrogateescape")) > _LONGEST_STEP:
            return f"has a step of more than {_LONGEST_STEP} bytes"
        if not step or not step.isprintable() or " " in step:
            return "has an empty step, or one with a space or an invisible character"
        if not unicodedata.is_normalized("NFC", step):
            return "is not in Unicode's composed form (NFC)"
        if step.startswith(("-", ".")) or step.endswith((".lock", ".")) or step.upper() == "HEAD":
            return f"has the step {shown(step)}, which git or a command line takes for something else"
    return None


def _find_move_problem(move: RefMove, push: Push, *, limits: PushLimits) -> tuple[str, str] | None:
    """Return the rule that forbids this user to change a ref like this, and why."""
    namespace = Namespace.of(move.ref)
    is_admin = push.role >= Role.ADMIN
    if move.old is not None and namespace is Namespace.SNAPSHOT:
        return SNAPSHOT_FIXED, "exists; a push cannot delete it" if move.new is None else "exists already"
    if namespace is Namespace.ALIAS:
        role = limits.alias_roles.get(move.ref.rpartition("/")[2], Role.WRITE)
        if push.role < role:
            return "alias-role", f"needs the role {role.word}, and yours is {push.role.word}"
    if move.old is None or (is_admin and move.new is None and namespace is not Namespace.BRANCH):
        return None
    if namespace in _FORWARD and not move.is_forward:
        return _FORWARD[namespace], "would be deleted" if move.new is None else "would lose what it has"
    if namespace is Namespace.BRANCH and move.ref == push.head:
        if move.new is None:
            return "head-branch", "is the branch of HEAD, which is not deleted"
        if not move.is_forward and not is_admin:
            return "head-branch", "is the branch of HEAD, and this is not a fast-forward"
    return None


def _find_collisions(push: Push) -> Iterator[PathProblem]:
    """Yield a problem for each new ref that some file system takes for another, or for its directory."""
    deleted = {move.ref for move in push.moves if move.new is None}
    remaining = [ref for ref in push.refs if ref not in deleted]
    created = [move.ref for move in push.moves if move.new is not None and move.ref not in push.refs]
    files = _index(remaining)
    for ref in sorted(created):
        key = fold(ref)
        taken = files.get(key) or next((files[above] for above in _above(key) if above in files), None)
        if taken is not None and taken != ref:
            yield PathProblem("ref-collision", shown(ref), f"cannot exist beside {shown(taken)}")
        files.setdefault(key, ref)
    directories = {above: ref for key, ref in files.items() for above in _above(key)} if created else {}
    for ref in created:
        below = directories.get(fold(ref))
        if below is not None:
            yield PathProblem("ref-collision", shown(ref), f"cannot exist beside {shown(below)}")


def _index(refs: Iterable[str]) -> dict[str, str]:
    return {fold(ref): ref for ref in refs}


def _above(key: str) -> Iterator[str]:
    """Yield the names of the directories of a ref."""
    while "/" in key:
        key = key.rpartition("/")[0]
        yield key
