"""How records are shown: how a state was trained, and what differs between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.cli.render import states
from gitstore.cli.render.records import charts

if TYPE_CHECKING:
    from gitstore.models.state import State
    from gitstore.records.comparison import RecordDifference
    from gitstore.records.record import Circumstances, Series, TrainingRecord, Value
    from gitstore.run.dialogue import Metric


_LONGEST = 40
"""Characters of a value in a table."""


def to_builtins(record: object) -> Any:
    """A part of a record with all its keys. What is not known is null."""
    from msgspec import UNSET, Struct

    if record is UNSET:
        return None
    if isinstance(record, Struct):
        return {name: to_builtins(getattr(record, name)) for name in record.__struct_fields__}
    return [to_builtins(item) for item in record] if isinstance(record, list) else record


def training_json(record: TrainingRecord | None) -> dict[str, Any] | None:
    """The shape of a training."""
    if record is None:
        return None
    return {name: value for name, value in to_builtins(record).items() if name != "tree"}


def state_json(state: State, record: TrainingRecord | None, metrics: Sequence[Metric]) -> dict[str, Any]:
    """The shape of a state in full."""
    listed = [{"seconds": m.seconds, "name": m.name, "value": m.value} for m in metrics]
    return states.to_json(state) | {"training": training_json(record), "metrics": listed}


def show_state(state: State, record: TrainingRecord | None, metrics: Mapping[str, Sequence[Metric]]) -> None:
    """A state for a person, how it was trained, and a chart of each metric."""

    _show_facts(
        {
            "state": state.name + (" (active)" if state.is_active else ""),
            "tree": str(state.tree) if state.tree is not None else None,
            "size": output.format_size_if_known(state.size),
            "where": states.locate(state),
        }
    )
    if record is None:
        output.print_data("\nNobody recorded how it was made")
        return
    output.print_data("")
    _show_facts(_list_facts(record) | list_circumstances(record.circumstances))
    show_values(record.data, "DATA")
    _show_series(record.metrics)
    for name, series in metrics.items():
        lines = charts.draw_text([metric.value for metric in series])
        if len(series) > 1 and lines:
            output.print_data("\n".join(["", name, *lines]))


def list_circumstances(circumstances: Circumstances) -> dict[str, str | None]:
    """When, by whom and how an operation ran, for a person."""
    from msgspec import UNSET

    from gitstore.units import format_duration, format_size

    environment, memory = circumstances.environment, circumstances.peak_memory
    facts: dict[str, str | None] = {
        "date": circumstances.date,
        "user": circumstances.user,
        "took": format_duration(circumstances.durations.get("total", 0.0)),
        "memory": format_size(memory) if isinstance(memory, int) else None,
    }
    if environment is not UNSET:
        packages = to_builtins(environment)["packages"]
        facts["python"] = to_builtins(environment)["python"]
        facts["packages"] = ", ".join(packages) if packages is not None else None
    if isinstance(circumstances.sandbox, dict):
        facts["sandbox"] = ", ".join(f"{key}={value}" for key, value in circumstances.sandbox.items())
    return facts


def show_values(values: Sequence[Value], title: str) -> None:
    """A table of inputs, outputs or data, if there are any."""
    from gitstore.units import format_size

    if values:
        rows = [
            [value.name, value.type, str(value.shape), format_size(value.size), value.sha256[:10]]
            for value in values
        ]
        output.print_data("")
        output.print_table([title, "TYPE", "SHAPE", "SIZE", "SHA-256"], rows, right=[3])


def show_comparison(
    names: tuple[str, str], differences: Sequence[RecordDifference], *, as_json: bool
) -> None:
    """What differs between how two states were trained."""
    first, second = names
    if as_json:
        shown = [
            {"group": entry.group, "key": entry.key, "first": entry.first, "second": entry.second}
            for entry in differences
        ]
        output.print_json({"first": first, "second": second, "differences": shown})
        return
    if not differences:
        output.print_message(f"{first} and {second} were trained alike")
        return
    rows = [[entry.group, entry.key, _shorten(entry.first), _shorten(entry.second)] for entry in differences]
    output.print_table(["", "", first, second], rows)


def _list_facts(record: TrainingRecord) -> dict[str, str | None]:
    base, code = to_builtins(record.base), to_builtins(record.code)
    parameters = (f"{name}={output.as_json_text(value)}" for name, value in record.parameters.items())
    verb = "created as" if record.operation == "create_state" else "trained as"
    facts: dict[str, str | None] = {verb: record.name, "parameters": ", ".join(parameters) or None}
    if base is not None:
        facts["from"] = base["name"] + (f" ({base['tree'][:10]})" if base["tree"] else "")
    if code is not None:
        commit = f"commit {code['commit'][:10]}" if code["commit"] else "no commit"
        facts["code"] = f"{commit}, with other changes" if code["differs"] else commit
    return facts


def _show_facts(facts: Mapping[str, str | None]) -> None:
    for key, value in facts.items():
        if value is not None:
            output.print_data(f"{key + ':':<11} {value}")


def _show_series(series: Sequence[Series]) -> None:
    rows = [
        [entry["name"], str(entry["count"])]
        + [_shorten(entry[key]) for key in ("first", "last", "lowest", "highest")]
        for entry in to_builtins(list(series))
    ]
    if rows:
        output.print_data("")
        output.print_table(
            ["METRIC", "COUNT", "FIRST", "LAST", "LOWEST", "HIGHEST"], rows, right=[1, 2, 3, 4, 5]
        )


def _shorten(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else output.as_json_text(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
