"""What a snapshot must meet to get an alias: parsing, and comparing with records. No repository is needed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from gitstore.aliases import requirements
from gitstore.aliases.requirements import check, list_records, parse, problem
from gitstore.records.of_snapshot import SnapshotRecords
from gitstore.records.record import Circumstances, EvaluationRecord, Series, TrainingRecord, Value

WHEN = Circumstances(date="2026-11-03T12:00:00+00:00", user="Ada", gitstore="0.1.0", durations={})


def value(name: str, number: Any, sha256: str = "aa") -> Value:
    return Value(name=name, type="f64", shape=[], size=8, sha256=sha256, value=number)


def records(
    accuracy: Any = 0.9, *, name: str = "bench", inputs: str = "i1", output: str = "o1", loss: Any = 0.25
) -> SnapshotRecords:
    evaluation = EvaluationRecord(
        name=name,
        inputs=[value("images", UNSET, inputs)],
        outputs=[value("accuracy", accuracy), value("digits", UNSET, output)],
        tree="1" * 40,
        circumstances=WHEN,
    )
    training = TrainingRecord(
        name="initial",
        model="dogs",
        parameters={},
        data=[],
        metrics=[Series(name="loss", count=3, last=loss)],
        circumstances=WHEN,
    )
    return SnapshotRecords(training, [evaluation])


NOTHING = SnapshotRecords(None, [])


def verdict(text: str, new: SnapshotRecords, current: SnapshotRecords | None = None) -> tuple[bool, str]:
    checked = check(parse(text), new, current)
    return checked.holds, checked.found


@pytest.mark.parametrize(
    ("text", "new", "expected"),
    [
        ("bench", records(), (True, "recorded 2026-11-03T12:00:00+00:00")),
        ("bench", NOTHING, (False, "no evaluation bench was recorded")),
        ("bench.accuracy >= 0.9", records(0.9), (True, "it is 0.9")),
        ("bench.accuracy>0.9", records(0.9), (False, "it is 0.9")),
        ("bench.accuracy <= 1e-3", records(0.0005), (True, "it is 0.0005")),
        ("bench.accuracy == 1", records(1), (True, "it is 1")),
        ("bench.recall >= 0.9", records(), (False, "bench has no output recall")),
        ("bench.accuracy >= 0.9", records("NaN"), (False, "accuracy is not a number")),
        ("bench.accuracy >= 0.9", records(True), (False, "accuracy is not a number")),
        ("bench.digits >= 0.9", records(), (False, "digits is not a number")),
        ("bench.accuracy >= 0.9", records(float("nan")), (False, "it is nan")),
        ("metric:loss < 0.3", records(), (True, "it is 0.25")),
        ("metric:loss < 0.3", records(loss=UNSET), (False, "no training reported loss")),
        ("metric:speed < 0.3", records(), (False, "no training reported speed")),
        ("metric:loss < 0.3", NOTHING, (False, "no training reported loss")),
    ],
)
def test_a_snapshot_alone(text: str, new: SnapshotRecords, expected: tuple[bool, str]) -> None:
    assert verdict(text, new, records(0.1)) == expected


@pytest.mark.parametrize(
    ("text", "current", "expected"),
    [
        ("bench.accuracy >= current", None, (True, "no snapshot has the alias yet")),
        ("bench.accuracy >= current", records(0.9), (True, "it is 0.9, current 0.9")),
        ("bench.accuracy > current", records(0.9), (False, "it is 0.9, current 0.9")),
        ("bench.accuracy >= current - 0.01", records(0.905), (True, "it is 0.9, current 0.905")),
        ("bench.accuracy >= current - 0.01", records(0.92), (False, "it is 0.9, current 0.92")),
        ("bench.accuracy > current + 0.5", records(0.3), (True, "it is 0.9, current 0.3")),
        ("bench.digits == current", records(output="o1"), (True, "it is the same")),
        ("bench.digits == current", records(output="o2"), (False, "it differs")),
        ("metric:loss <= current", records(loss=0.2), (False, "it is 0.25, current 0.2")),
        ("metric:loss == current", records(loss=0.25), (True, "it is 0.25, current 0.25")),
        (
            "bench.accuracy >= current",
            records(0.1, inputs="i2"),
            (False, "it cannot be compared: bench had other inputs for the current snapshot"),
        ),
        (
            "bench.accuracy >= current",
            NOTHING,
            (False, "it cannot be compared: no evaluation bench was recorded"),
        ),
    ],
)
def test_beside_the_current_snapshot(
    text: str, current: SnapshotRecords | None, expected: tuple[bool, str]
) -> None:
    assert verdict(text, records(0.9), current) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no requirement"),
        ("bench >= ", "is no requirement"),
        ("bench.accuracy >= current *2", "is no requirement"),
        ("a b", "is no requirement"),
        ("x" * 300, "is no requirement"),
        ("bench.accuracy >= 1.2.3", "has a number that cannot be read"),
        ("bench >= 0.9", "names no output"),
        (".accuracy >= 0.9", "names no output|record"),
        ("metric:loss", "needs a comparison"),
        ("metric: < 1", "needs a comparison"),
        ("a/b", "which contains '/'"),
    ],
)
def test_what_is_no_requirement(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)
    assert problem(text)


def test_a_record_may_have_dots() -> None:
    parsed = parse("bench-2.1.accuracy >= 0.9")
    assert (parsed.record, parsed.output, problem(parsed.text)) == ("bench-2.1", "accuracy", None)
    assert parse("bench-2.1").record == "bench-2.1"


def test_the_records_that_were_read_are_known() -> None:
    parsed = [parse("bench"), parse("bench.accuracy > 0"), parse("metric:loss < 1")]
    assert [record.name for record in list_records(parsed, records())] == ["bench"]
    assert str(check(parsed[0], records(), None)) == "bench (recorded 2026-11-03T12:00:00+00:00)"
    assert all(problem(text) is None for text in requirements.EXAMPLE.replace(" or", "").split(", "))
