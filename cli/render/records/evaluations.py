"""How recorded evaluations, and differences between outputs, are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.cli.render.records.trainings import to_builtins

if TYPE_CHECKING:
    from gitstore.errors import Corrupt
    from gitstore.records.record import EvaluationRecord, Value
    from gitstore.run.recording.differences import OutputDifference
    from gitstore.run.recording.verification import VerifiedEvaluation


def record_json(record: EvaluationRecord) -> dict[str, Any]:
    """The shape of an evaluation record."""
    return dict(to_builtins(record))


def show_records(records: Sequence[EvaluationRecord]) -> None:
    """A table of a snapshot's evaluation records, if it has any."""
    if records:
        rows = [
            [
                record.name,
                record.circumstances.date,
                _summarise(record.inputs),
                _summarise(record.outputs),
            ]
            for record in records
        ]
        output.print_data("")
        output.print_table(["EVALUATION", "DATE", "INPUTS", "OUTPUTS"], rows)


def difference_json(difference: OutputDifference) -> dict[str, Any]:
    """The shape of an output difference."""
    return {
        "name": difference.name,
        "equal": difference.is_equal,
        "problem": difference.problem,
        "size": difference.size,
        "count": difference.count,
        "first_index": _as_list(difference.first_index),
        "absolute": difference.absolute,
        "absolute_index": _as_list(difference.absolute_index),
        "relative": difference.relative,
        "relative_index": _as_list(difference.relative_index),
    }


def show_differences(differences: Sequence[OutputDifference], *, as_json: bool) -> None:
    """How outputs differ, a line for each."""
    if as_json:
        equal = all(difference.is_equal for difference in differences)
        output.print_json({"equal": equal, "outputs": list(map(difference_json, differences))})
        return
    for difference in differences:
        output.print_data(describe_difference(difference))


def describe_difference(difference: OutputDifference) -> str:
    """How an output differs, in one line."""
    name = output.quote_unprintable(difference.name)
    if difference.problem is not None:
        return f"{name}: {difference.problem}"
    if not difference.count:
        return f"{name}: equal"
    equal = "within the tolerance: " if difference.is_equal else ""
    share = f"{difference.count:,} of {difference.size:,} differ"
    if difference.absolute is None:
        return f"{name}: {equal}{share}, the first at {_as_list(difference.first_index)}"
    largest = [f"at most by {difference.absolute:.6g}"]
    if difference.absolute_index is not None:
        largest[0] += f" at {list(difference.absolute_index)}"
    if difference.relative is not None and difference.relative_index is not None:
        largest.append(f"relatively by {difference.relative:.6g} at {list(difference.relative_index)}")
    return f"{name}: {equal}{share}, {', '.join(largest)}"


def verified_json(verified: VerifiedEvaluation) -> dict[str, Any]:
    """The shape of a verified evaluation."""
    return {
        "snapshot": verified.snapshot.short_name,
        "record": verified.record,
        "equal": verified.is_equal,
        "problem": verified.problem,
        "outputs": list(map(difference_json, verified.outputs)),
        "changes": list(verified.changes),
    }


def make_error(evaluated: Sequence[VerifiedEvaluation]) -> Corrupt | None:
    """The error with a line for each output that is not what it was; `None` if all are."""
    from gitstore.errors import Corrupt

    wrong = [entry for entry in evaluated if not entry.is_equal]
    if not wrong:
        return None
    changes = dict.fromkeys(change for entry in wrong for change in entry.changes)
    hint = f"it ran with other packages: {', '.join(changes)}" if changes else None
    return Corrupt("\n".join(line for entry in wrong for line in _list_problems(entry)), hint)


def show_verified(evaluated: Sequence[VerifiedEvaluation]) -> None:
    """Show which evaluations gave what they gave when they were recorded."""
    if evaluated:
        names = ", ".join(f"{entry.snapshot.short_name}:{entry.record}" for entry in evaluated)
        output.print_message(f"Evaluated {names}: all outputs are as they were")


def _list_problems(verified: VerifiedEvaluation) -> list[str]:
    where = f"{verified.snapshot.short_name}: evaluation {verified.record}"
    if verified.problem is not None:
        return [f"{where}: {line}" for line in verified.problem.splitlines()]
    return [
        f"{where}: {describe_difference(difference)}"
        for difference in verified.outputs
        if not difference.is_equal
    ]


def _summarise(values: Sequence[Value]) -> str:
    return ", ".join(f"{value.name} {value.type}{value.shape}" for value in values)


def _as_list(index: tuple[int, ...] | None) -> list[int] | None:
    return list(index) if index is not None else None
