from __future__ import annotations

import pytest

from gitstore import settings
from gitstore.derive.compatibility import Misfit, find_misfits
from gitstore.settings import Types


def types(text: str) -> Types:
    return settings.parse(f"name: x\ntypes: {text}\n".encode()).types


def train(text: str) -> Types:
    return types(f"{{train: [{text}]}}")


def outputs(text: str) -> Types:
    return types(f"{{evaluate: {{outputs: [{text}]}}}}")


VALUES = "{name: values, types: [f32, f64], shape: [-1, 8]}"


FITTING: list[str] = [
    VALUES,
    "{name: values, types: [f64, i8, f32], shape: [-1, 8]}",
    "{name: values, types: [f32, f64], shape: [-1, -1]}",
    "{name: values, types: [f32, f64], shape: [-1, 8], required: false}",
    VALUES + ", {name: rate, types: [f64], shape: [], required: false}",
]


def test_what_takes_as_much_or_more_fits() -> None:
    found = [find_misfits(train(VALUES), train(base)) for base in FITTING]
    assert found == [[] for base in FITTING]


MISFITS: list[tuple[str, str, str]] = [
    ("", "", "has no such input"),
    ("{name: values, types: [f64], shape: [-1, 8]}", ".types", "does not accept f32"),
    ("{name: values, types: [i8], shape: [-1, 8]}", ".types", "does not accept f32, f64"),
    ("{name: values, types: [f32, f64], shape: [4, 8]}", ".shape", "accepts [4, 8], not [-1, 8]"),
    ("{name: values, types: [f32, f64], shape: [-1]}", ".shape", "accepts [-1], not [-1, 8]"),
    ("{name: values, types: [f32, f64], shape: [-1, -1], ragged: true}", ".ragged", "has it ragged"),
]


def test_an_input_removed_or_narrowed() -> None:
    found = [find_misfits(train(VALUES), train(base)) for base, _, _ in MISFITS]
    assert found == [[Misfit(f"types.train.values{path}", problem)] for _, path, problem in MISFITS]


def test_an_input_that_is_required_now() -> None:
    own = train("{name: rate, types: [f64], shape: [], required: false}")
    base = train("{name: rate, types: [f64], shape: []}, {name: more, types: [f64], shape: []}")
    assert find_misfits(own, base) == [
        Misfit("types.train.rate.required", "requires it"),
        Misfit("types.train.more", "requires this input"),
    ]


@pytest.mark.parametrize(
    ("base", "path", "problem"),
    [
        ("", "", "does not return this output"),
        ("{name: values, types: [f32, u8], shape: [-1, 8]}", ".types", "may return u8"),
        ("{name: values, types: [f32], shape: [-1, -1]}", ".shape", "returns [-1, -1], not [-1, 8]"),
        ("{name: values, types: [f32], shape: [-1, 8], required: false}", ".required",
         "does not always return it"),
    ],
)  # fmt: skip
def test_an_output_removed_or_widened(base: str, path: str, problem: str) -> None:
    assert find_misfits(outputs(VALUES), outputs(base)) == [
        Misfit(f"types.evaluate.outputs.values{path}", problem)
    ]


def test_an_output_more_and_one_that_is_narrower() -> None:
    base = outputs("{name: values, types: [f32], shape: [4, 8]}, {name: more, types: [u8], shape: []}")
    assert find_misfits(outputs(VALUES), base) == [
        Misfit("types.evaluate.outputs.more", "also returns this output"),
    ]


def test_every_operation_is_compared() -> None:
    one = "[{name: a, types: [u8], shape: []}]"
    own = types(f"{{create_state: {one}, train: {one}, evaluate: {{inputs: {one}, outputs: {one}}}}}")
    assert [each.path for each in find_misfits(own, types("{}"))] == [
        "types.create_state.a",
        "types.train.a",
        "types.evaluate.inputs.a",
        "types.evaluate.outputs.a",
    ]
