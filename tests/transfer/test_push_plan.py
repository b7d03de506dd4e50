"""What a push decides, as a function on the refs of both sides."""

from __future__ import annotations

from gitstore.packs.oid import Kind, Oid
from gitstore.transfer.push_plan import PushPlan, RefKind, WantedRef, plan_push

A, B, C = (Oid.of(Kind.BLOB, name) for name in (b"a", b"b", b"c"))
MAIN, V1, NIGHT, NOTES = "refs/heads/main", "refs/tags/v1", "refs/states/night", "refs/notes/trainings"
REFS = {
    RefKind.BRANCH: MAIN,
    RefKind.SNAPSHOT: V1,
    RefKind.STATE: NIGHT,
    RefKind.ALIAS: "refs/aliases/best",
    RefKind.RECORD: NOTES,
}
ORDER = {A: 0, B: 1}
"""The commits of a branch. C is a commit that is not here."""


def is_ancestor(ancestor: Oid, descendant: Oid) -> bool:
    return ORDER.get(ancestor, 9) <= ORDER.get(descendant, -1)


def push(kind: RefKind, ours: Oid, theirs: Oid | None, seen: Oid | None = None) -> PushPlan:
    ref = REFS[kind]
    return plan_push(
        [WantedRef(ref, ours, kind, "it")],
        {ref: theirs} if theirs is not None else {},
        last_seen={ref: seen} if seen is not None else {},
        is_ancestor=is_ancestor,
    )


def outcome(plan: PushPlan) -> str:
    (name,) = [name for name in ("updates", "conflicts", "unchanged", "behind") if getattr(plan, name)]
    return name


class TestPush:
    def test_what_is_new_there_is_sent(self) -> None:
        for kind in RefKind:
            assert outcome(push(kind, A, None)) == "updates"

    def test_what_is_equal_is_not_sent(self) -> None:
        for kind in RefKind:
            assert outcome(push(kind, A, A)) == "unchanged"

    def test_a_branch_and_an_alias_move_forward_only(self) -> None:
        for kind in (RefKind.BRANCH, RefKind.ALIAS):
            assert outcome(push(kind, B, A)) == "updates"
            assert outcome(push(kind, A, B)) == "behind"
            assert outcome(push(kind, A, C)) == "conflicts"

    def test_a_snapshot_never_moves(self) -> None:
        assert outcome(push(RefKind.SNAPSHOT, B, A)) == "conflicts"
        assert outcome(push(RefKind.SNAPSHOT, B, A, seen=A)) == "conflicts"

    def test_a_state_moves_unless_somebody_else_has_moved_it(self) -> None:
        assert outcome(push(RefKind.STATE, B, A, seen=A)) == "updates"
        assert outcome(push(RefKind.STATE, B, A, seen=C)) == "conflicts"
        assert outcome(push(RefKind.STATE, B, A)) == "conflicts"
