"""The decision on any push at all: it never raises, and it never lets through what a rule forbids."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from gitstore.objects import tag
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.decide import MOST_REFUSALS, decide
from gitstore.policy.limits import PushLimits
from gitstore.policy.push import (
    MOST_HIDDEN,
    BaseFacts,
    BrokenTag,
    NewObject,
    PathProblem,
    Push,
    PushedSnapshot,
    PushedTree,
    RefMove,
    TreeExtent,
)
from gitstore.policy.refs import Namespace
from gitstore.policy.role import Role
from gitstore.policy.rules import BY_NAME
from gitstore.text import harmless

OIDS = st.binary(min_size=20, max_size=20).map(Oid)
WORDS = st.text(max_size=8) | st.text(string.ascii_lowercase + "/.-@\x1b\u202e\udcff", max_size=12)
REFS = st.builds(str.__add__, st.sampled_from([space.value for space in Namespace] + ["refs/", ""]), WORDS)
KINDS = st.none() | st.sampled_from(Kind)
NUMBERS = st.integers(0, 10**30)
TRAILERS = st.dictionaries(
    st.sampled_from(["Model", "State", "Code-Tree", "Based-On", "Gitstore-Format"]), WORDS
)


def make_tag(trailers: dict[str, str], text: str) -> tag.Tag:
    lines = "".join(f"{key}: {value}\n" for key, value in trailers.items())
    content = f"object {'1' * 40}\ntype commit\ntag v1\ntagger A <a> 1 +0000\n\n{text}\n\n{lines}"
    return tag.parse(content.encode("utf-8", "surrogateescape"))


PROBLEMS = st.builds(PathProblem, st.sampled_from(sorted(BY_NAME)), WORDS, WORDS)
SETTINGS = (
    st.none() | st.binary(max_size=60) | WORDS.map(lambda word: f"name: {word}\n".encode(errors="replace"))
)
SNAPSHOTS = st.builds(
    PushedSnapshot,
    ref=REFS,
    tag=st.builds(make_tag, TRAILERS, st.text(string.printable, max_size=20)),
    parents=st.lists(OIDS, max_size=2).map(tuple),
    code_tree=OIDS,
    state_tree=OIDS,
    settings_blob=OIDS,
    settings=SETTINGS,
    base=st.none() | st.builds(BaseFacts, st.none() | OIDS, st.booleans()),
)
PUSHES = st.builds(
    Push,
    role=st.sampled_from(Role),
    moves=st.lists(
        st.builds(RefMove, REFS, st.none() | OIDS, st.none() | OIDS, KINDS, st.booleans()), max_size=4
    ).map(tuple),
    refs=st.dictionaries(REFS, OIDS, max_size=4),
    head=st.none() | REFS,
    pack=NUMBERS,
    objects=st.dictionaries(OIDS, st.builds(NewObject, st.sampled_from(Kind), NUMBERS, NUMBERS), max_size=3),
    hidden=st.lists(OIDS, max_size=5).map(tuple),
    snapshots=st.lists(SNAPSHOTS, max_size=2).map(tuple),
    broken_tags=st.lists(st.builds(BrokenTag, REFS, st.sampled_from(sorted(BY_NAME)), WORDS), max_size=2).map(
        tuple
    ),
    trees=st.lists(
        st.builds(
            PushedTree,
            WORDS,
            st.builds(TreeExtent, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
            st.lists(PROBLEMS, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    problems=st.lists(PROBLEMS, max_size=3).map(tuple),
)


@given(PUSHES)
def test_any_push_gets_an_answer(push: Push) -> None:
    refusals = decide(push, PushLimits())
    assert len(refusals) <= MOST_REFUSALS
    assert len(set(refusals)) == len(refusals)
    if push.role < Role.WRITE:
        assert [refusal.rule for refusal in refusals] == ["role"]
    elif push.problems or push.hidden or push.broken_tags:
        assert refusals
    for refusal in refusals:
        assert refusal.rule in BY_NAME


@given(st.lists(st.builds(RefMove, REFS, st.none(), OIDS, KINDS), max_size=4), st.dictionaries(REFS, OIDS))
def test_what_is_said_about_refs_is_harmless(moves: list[RefMove], refs: dict[str, Oid]) -> None:
    for refusal in decide(Push(Role.WRITE, tuple(moves), refs), PushLimits()):
        assert harmless(str(refusal)) == str(refusal)
        assert "\n" not in str(refusal)


@given(SNAPSHOTS)
def test_what_is_said_about_snapshots_is_harmless(snapshot: PushedSnapshot) -> None:
    for refusal in decide(Push(Role.WRITE, (), snapshots=(snapshot,)), PushLimits()):
        assert harmless(str(refusal)) == str(refusal)


def test_a_push_of_nothing() -> None:
    assert decide(Push(Role.WRITE, ()), PushLimits()) == ()


def test_hidden_objects_are_counted_up_to_a_hundred() -> None:
    oids = tuple(Oid(bytes([at]) * 20) for at in range(MOST_HIDDEN + 1))
    for hidden, count in ((oids[:1], "has 1 object "), (oids[1:], "has 100"), (oids, "has over 100")):
        (refusal,) = decide(Push(Role.WRITE, (), hidden=hidden), PushLimits())
        assert count in str(refusal)
