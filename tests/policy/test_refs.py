"""Who may move which refs, and how: a table of the rules, and what every user of a git host expects."""

from __future__ import annotations

import pytest

from gitstore.packs.oid import Kind, Oid
from gitstore.policy.decide import decide
from gitstore.policy.limits import PushLimits
from gitstore.policy.push import Push, PushedAlias, RefMove
from gitstore.policy.role import Role

ONE, TWO = Oid(b"\1" * 20), Oid(b"\2" * 20)
_NAMES = (
    "refs/heads/main", "refs/heads/topic", "refs/heads/a/b", "refs/tags/v1", "refs/states/initial",
    "refs/aliases/production", "refs/notes/evaluations", f"refs/records/{'1' * 40}/tests",
    "refs/gitstore/transit/1",
)  # fmt: skip
EXISTING = dict.fromkeys(_NAMES, ONE)
LIMITS = PushLimits(alias_roles={"production": Role.ADMIN})


def refused(ref: str, how: str, role: Role = Role.WRITE) -> list[str]:
    """The rules that a push breaks which changes one ref like this."""
    old = EXISTING.get(ref)
    new = None if how == "delete" else TWO
    kind = Kind.TAG if ref.startswith("refs/tags/") else Kind.COMMIT
    move = RefMove(ref, old, new, kind, is_forward=how == "forward")
    push = Push(role, (move,), EXISTING, "refs/heads/main")
    return [refusal.rule for refusal in decide(push, LIMITS)]


@pytest.mark.parametrize(
    ("ref", "how", "writer", "admin"),
    [
        ("refs/heads/main", "forward", [], []),
        ("refs/heads/main", "rewrite", ["head-branch"], []),
        ("refs/heads/main", "delete", ["head-branch"], ["head-branch"]),
        ("refs/heads/topic", "rewrite", [], []),
        ("refs/heads/topic", "delete", [], []),
        ("refs/tags/v1", "forward", ["snapshot-fixed"], ["snapshot-fixed"]),
        ("refs/tags/v1", "delete", ["snapshot-fixed"], ["snapshot-fixed"]),
        ("refs/states/initial", "rewrite", [], []),
        ("refs/states/initial", "delete", [], []),
        ("refs/aliases/production", "forward", ["alias-role"], []),
        ("refs/aliases/production", "rewrite", ["alias-role"], ["alias-forward"]),
        ("refs/aliases/production", "delete", ["alias-role"], []),
        ("refs/aliases/staging", "create", [], []),
        ("refs/notes/evaluations", "forward", [], []),
        ("refs/notes/evaluations", "rewrite", ["notes-forward"], ["notes-forward"]),
        ("refs/notes/evaluations", "delete", ["notes-forward"], []),
        (f"refs/records/{'1' * 40}/tests", "rewrite", [], []),
        (f"refs/records/{'1' * 40}/tests", "delete", [], []),
        ("refs/gitstore/transit/1", "forward", [], []),
        ("refs/gitstore/transit/1", "delete", [], []),
    ],
)
def test_who_may_do_what(ref: str, how: str, writer: list[str], admin: list[str]) -> None:
    assert refused(ref, how) == writer
    assert refused(ref, how, Role.ADMIN) == admin
    for role in (Role.NONE, Role.READ):
        assert refused(ref, how, role) == ["role"]


@pytest.mark.parametrize(
    ("ref", "rule"),
    [
        ("refs/heads/topic-2", None),
        ("refs/heads/feature/ä@home", None),
        ("refs/heads/topic/below", "ref-collision"),
        ("refs/heads/a", "ref-collision"),
        ("refs/heads/A", "ref-collision"),
        ("refs/heads/TOPIC", "ref-collision"),
        ("refs/heads/Topic/x", "ref-collision"),
        ("refs/heads/x.lock", "ref-name"),
        ("refs/heads/a b", "ref-name"),
        ("refs/heads/" + "x" * 241, "ref-name"),
        ("refs/heads/" + "x/" * 30 + "x", "ref-name"),
        ("refs/heads/", "ref-name"),
        ("refs/states/dogs/initial", None),
        ("refs/states/HEAD", "ref-name"),
        ("refs/states/a/b/c", "ref-name"),
        ("refs/aliases/dogs/staging", None),
        ("refs/aliases/a/b/c", "ref-name"),
        ("refs/notes/evaluations/x", "ref-collision"),
        ("refs/records/tests", "ref-name"),
        ("refs/gitstore/transit/../x", "ref-name"),
        ("refs/gitstore/other", "namespace"),
        ("refs/remotes/origin/main", "namespace"),
        ("refs/stash", "namespace"),
        ("HEAD", "namespace"),
    ],
)
def test_where_refs_may_be(ref: str, rule: str | None) -> None:
    assert refused(ref, "create") == ([rule] if rule else [])


def test_a_ref_that_takes_the_place_of_one_that_goes() -> None:
    moves = (
        RefMove("refs/heads/a/b", ONE, None),
        RefMove("refs/heads/A", None, TWO, Kind.COMMIT),
    )
    assert decide(Push(Role.WRITE, moves, EXISTING), LIMITS) == ()


def test_an_alias_that_leads_nowhere() -> None:
    alias = PushedAlias("refs/aliases/staging", "refs/tags/v1", ONE)
    for aliases, refused in (
        ((alias,), []),
        ((alias._replace(tag=TWO),), ["alias-move"]),
        ((alias._replace(snapshot_ref="refs/tags/v2"),), ["alias-move"]),
    ):
        push = Push(Role.WRITE, (), EXISTING, aliases=aliases)
        assert [refusal.rule for refusal in decide(push, LIMITS)] == refused
    brought = RefMove("refs/tags/v2", None, TWO, Kind.TAG)
    both = alias._replace(snapshot_ref="refs/tags/v2", tag=TWO)
    assert decide(Push(Role.WRITE, (brought,), EXISTING, aliases=(both,)), LIMITS) == ()


def test_two_new_refs_that_collide() -> None:
    moves = (
        RefMove("refs/heads/x", None, TWO, Kind.COMMIT),
        RefMove("refs/heads/X/y", None, TWO, Kind.COMMIT),
    )
    rules = {refusal.rule for refusal in decide(Push(Role.WRITE, moves, EXISTING), LIMITS)}
    assert rules == {"ref-collision"}


def test_what_refs_lead_to() -> None:
    for ref in EXISTING:
        if ref != "refs/tags/v1":
            move = RefMove(f"{ref}2", None, TWO, Kind.TAG)
            (refusal,) = decide(Push(Role.WRITE, (move,), EXISTING), LIMITS)
            assert refusal.rule == "ref-kind"
