"""Merging a note: nothing is lost, and both sides get the same."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gitstore.records.merge import find_names, merge_notes


def record(name: str, day: int, value: int = 0) -> bytes:
    line = {"record": "EvaluationRecord", "name": name, "tree": f"{value:040}"}
    return json.dumps(line | {"circumstances": {"date": f"2026-11-{day:02}"}}).encode()


def note(*lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in lines)


A, B = record("a", 1), record("b", 2)
LINES = st.builds(record, st.sampled_from("abc"), st.integers(1, 9), st.integers(0, 9)) | st.sampled_from(
    [b"a person's words", b"{ no record", b'{"name": 1}', b'{"name": "../x"}', b"\xff"]
)
NOTES = st.lists(LINES, max_size=5, unique=True).map(lambda lines: note(*lines))


def test_one_side_alone() -> None:
    assert merge_notes(b"", note(A), b"") == note(A)
    assert merge_notes(note(A), note(A), note(B, A)) == note(B, A)


def test_a_side_that_removed_a_note_loses_nothing_of_the_other() -> None:
    assert merge_notes(note(A), b"", note(A)) == note(A)


def test_a_record_that_one_side_replaced() -> None:
    again = record("a", 5)
    assert merge_notes(note(A), note(again), note(A, B)).splitlines() == [B, again]


def test_the_older_one_keeps_the_name() -> None:
    late = record("a", 5, value=7)
    merged = merge_notes(b"", note(late), note(A))
    names = [json.loads(line)["name"] for line in merged.splitlines()]
    assert "a" in names
    ((other,),) = [found for tree, found in find_names(merged).items() if tree.endswith("7")]
    assert other.startswith("a-") and len(other) == 9
    assert merge_notes(b"", merged, note(late)) == merged


@given(ours=NOTES, theirs=NOTES, base=NOTES)
def test_both_sides_get_the_same(ours: bytes, theirs: bytes, base: bytes) -> None:
    merged = merge_notes(base, ours, theirs)
    assert merged == merge_notes(base, theirs, ours)
    assert merge_notes(b"", merged, merged) == merged


@given(ours=NOTES, theirs=NOTES)
def test_nothing_is_lost(ours: bytes, theirs: bytes) -> None:
    merged = merge_notes(b"", ours, theirs)
    for line in (ours + theirs).splitlines():
        tree = json.loads(line)["tree"] if b'"tree"' in line else None
        assert tree in find_names(merged) if tree else line in merged.splitlines()


@given(ours=NOTES, theirs=NOTES)
def test_merging_again_changes_nothing(ours: bytes, theirs: bytes) -> None:
    merged = merge_notes(b"", ours, theirs)
    for side in (ours, theirs):
        assert sorted(merge_notes(b"", merged, side).splitlines()) == sorted(merged.splitlines())
