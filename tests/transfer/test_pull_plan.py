"""What a pull decides, as a function on the refs of both sides."""

from __future__ import annotations

from gitstore.packs.oid import Kind, Oid
from gitstore.transfer.pull_plan import PullPlan, RefPair, Wanted, plan_pull

A, B, C = (Oid.of(Kind.BLOB, name) for name in (b"a", b"b", b"c"))
MAIN, V1, NIGHT = "refs/heads/main", "refs/tags/v1", "refs/states/night"
OWN = Wanted(MAIN, {""})


def pull(ref: str, ours: Oid | None, theirs: Oid, seen: Oid | None = None, wanted: Wanted = OWN) -> PullPlan:
    here = {ref: ours} if ours is not None else {}
    return plan_pull(
        wanted, here, {ref: theirs}, tip=here.get(MAIN), last_seen={ref: seen} if seen is not None else {}
    )


class TestPull:
    def test_a_new_snapshot_is_fetched(self) -> None:
        assert pull(V1, None, A).tags == (RefPair(V1, None, A),)
        assert pull(V1, A, A).fetched == ()

    def test_a_snapshot_never_moves(self) -> None:
        plan = pull(V1, A, B)
        assert plan.fetched == ()
        assert plan.conflicts == (RefPair(V1, A, B),)

    def test_snapshots_of_other_models_are_fetched_if_asked_for(self) -> None:
        other = "refs/tags/dogs/v1"
        assert pull(other, None, A).fetched == ()
        assert pull(other, None, A, wanted=Wanted(MAIN, {"", "dogs/"})).tags == (RefPair(other, None, A),)
        assert pull(other, None, A, wanted=Wanted(None, (), {other})).tags == (RefPair(other, None, A),)

    def test_a_state_that_is_not_here_is_fetched_if_asked_for(self) -> None:
        assert pull(NIGHT, None, A).fetched == ()
        for wanted in (Wanted(None, (), states={NIGHT}), Wanted(None, {""}, all_states=True)):
            assert pull(NIGHT, None, A, wanted=wanted).states == (RefPair(NIGHT, None, A),)

    def test_a_state_that_moved_there_is_fetched(self) -> None:
        assert pull(NIGHT, A, B, seen=A).states == (RefPair(NIGHT, A, B),)

    def test_a_state_that_moved_here_is_for_the_next_push(self) -> None:
        plan = pull(NIGHT, B, A, seen=A)
        assert plan.ahead == (RefPair(NIGHT, B, A),)
        assert (plan.fetched, plan.conflicts) == ((), ())

    def test_a_state_that_moved_on_both_sides_is_a_conflict(self) -> None:
        for seen in (None, C):
            plan = pull(NIGHT, A, B, seen=seen)
            assert plan.conflicts == (RefPair(NIGHT, A, B),)
            assert plan.fetched == ()

    def test_the_branch_that_is_followed_is_fetched(self) -> None:
        assert pull(MAIN, A, B).branch == RefPair(MAIN, A, B)
        assert pull(MAIN, None, B).branch == RefPair(MAIN, None, B)
        assert pull(MAIN, A, A).branch is None
        assert pull("refs/heads/other", None, A).fetched == ()
