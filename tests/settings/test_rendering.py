from __future__ import annotations

import keyword
from typing import Any

import yaml
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as st

from gitstore import units
from gitstore.names import name_problem
from gitstore.settings import (
    BasedOn,
    DefaultLaunchers,
    EvaluateTypes,
    Gpus,
    Launcher,
    MaxDurations,
    Packages,
    Parameter,
    Settings,
    TensorType,
    Types,
    parse,
    render,
    to_builtins,
    yaml_text,
)
from gitstore.settings.document import read
from gitstore.settings.nodes import to_plain

TEXTS = st.text(
    st.one_of(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), st.sampled_from("\n\t")),
    max_size=30,
) | st.sampled_from(
    ["", "true", "no", "3.11", "1e3", "1:30", "2026-01-01", "~", "- x", "a: b", "a #b", "=", "<<"]
)
NAMES = st.text(
    st.characters(categories=["L", "N"], include_characters="-_."), min_size=1, max_size=20
).filter(lambda name: name_problem(name) is None)
SIZES = st.integers(units.MIB * 128, 2**63 - 1)
DURATIONS = st.integers(1, 3650 * 86400 * 10**9).map(lambda nanoseconds: nanoseconds / 10**9)
OBJECT_IDS = st.text("0123456789abcdef", min_size=40, max_size=40) | st.sampled_from(
    ["1" * 40, "1e" + "5" * 38]
)
PARAMETERS = st.lists(
    st.builds(
        Parameter,
        name=st.from_regex(r"\Ap[a-z_0-9]{0,8}\Z").filter(lambda name: not keyword.iskeyword(name)),
        types=st.lists(st.sampled_from(TensorType), min_size=1, unique=True).map(tuple),
        shape=st.lists(st.integers(-1, 2**63 - 1), max_size=4).map(tuple),
        required=st.booleans(),
    ),
    max_size=3,
    unique_by=lambda parameter: parameter.name,
).map(tuple)
LAUNCHERS = st.builds(
    Launcher,
    engine=st.sampled_from(["local", "ray"]),
    cpus=st.floats(0.125, 65536),
    memory=SIZES,
    disk=st.none() | SIZES,
    gpus=st.builds(Gpus, count=st.integers(0, 8), model=st.none() | TEXTS),
)
ALL_SETTINGS = st.builds(
    Settings,
    name=NAMES,
    description=TEXTS,
    code=st.sampled_from(["code", "src", "a/b", "größe", "with space"]),
    filesystem_size=SIZES,
    types=st.builds(
        Types,
        create_state=PARAMETERS,
        train=PARAMETERS,
        evaluate=st.builds(EvaluateTypes, inputs=PARAMETERS, outputs=PARAMETERS),
    ),
    max_durations=st.builds(MaxDurations, **dict.fromkeys(MaxDurations.__struct_fields__, DURATIONS)),
    packages=st.builds(
        Packages,
        python=st.none() | st.sampled_from(["3.11", "3.10.2"]),
        requirements=st.lists(
            st.sampled_from(["a==1", "b[c]==2.0", "d==3; python_version < '3.12'"]), unique=True
        ).map(tuple),
    ),
    default_launchers=st.builds(
        DefaultLaunchers, create_state=LAUNCHERS, train=LAUNCHERS, evaluate=LAUNCHERS
    ),
    based_on=st.none()
    | st.builds(
        BasedOn,
        model=NAMES,
        snapshot=NAMES,
        tag=OBJECT_IDS,
        commit=OBJECT_IDS,
        url=st.none() | st.sampled_from(["https://models.example/m.git", "../a: b", "/m #1"]),
    ),
)


def test_render_the_defaults() -> None:
    assert render(Settings(name="digits")) == (
        """\
name: digits
description: ""
code: code
filesystem_size: 32MiB
types: {create_state: [], train: [], evaluate: {inputs: [], outputs: []}}
max_durations: {code_startup: 1m, instantiate_model: 1m, create_state: 10m, train: 1d, evaluate: 1m}
packages: {requirements: []}
default_launchers:
  create_state: {engine: local, cpus: 1, memory: 1GiB, gpus: {count: 0}}
  train: {engine: local, cpus: 1, memory: 1GiB, gpus: {count: 0}}
  evaluate: {engine: local, cpus: 1, memory: 1GiB, gpus: {count: 0}}
"""
    )


def test_render_the_example(example: bytes) -> None:
    settings = parse(example)
    text = render(settings)
    assert (
        """\
types:
  create_state: [{name: seed, types: [i64], shape: [], required: false, ragged: false}]
  train:
    - {name: images, types: [f32, f64], shape: [-1, 64], required: true, ragged: false}
    - {name: labels, types: [u8, i64], shape: [-1], required: true, ragged: false}
  evaluate:
    inputs: [{name: images, types: [f32, f64], shape: [-1, 64], required: true, ragged: false}]
    outputs: [{name: digit, types: [u8], shape: [-1], required: true, ragged: false}]
"""
        in text
    )
    assert 'packages: {python: "3.11", requirements: [numpy==2.4.6]}\n' in text
    assert parse(text.encode()) == settings


@limited(max_examples=limited().max_examples // 2)
@given(ALL_SETTINGS)
def test_what_is_rendered_reads_back(settings: Settings) -> None:
    assert parse(render(settings).encode()) == settings


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS.filter(lambda key: key != "<<"), PLAIN, min_size=1, max_size=4))
def test_other_yaml_parsers_agree_with_ours(values: dict[str, Any]) -> None:
    lines = yaml_text.render_block(values, "")
    assert lines is not None
    text = "\n".join(lines)
    assert yaml.safe_load(text) == values


@given(st.dictionaries(NAMES, PLAIN, min_size=1, max_size=4))
def test_plain_data_reads_back(values: dict[str, Any]) -> None:
    lines = yaml_text.render_block(values, "")
    assert lines is not None
    document = read("\n".join(lines).encode())
    merge_keys = [problem for problem in document.problems if "merge key" in problem.message]
    assert merge_keys or (document.problems, to_plain(document.root)) == ((), values)


FLOWS: list[tuple[Any, str]] = [
    ("digits", "digits"),
    ("numpy==2.4.6", "numpy==2.4.6"),
    ("32MiB", "32MiB"),
    ("two words", "two words"),
    ("", '""'),
    ("3.11", '"3.11"'),
    ("010", '"010"'),
    ("1_000", '"1_000"'),
    ("on", '"on"'),
    ("N", '"N"'),
    ("null", '"null"'),
    ("2026-01-01", '"2026-01-01"'),
    ("12e" + "4" * 37, '"12e' + "4" * 37 + '"'),
    ("a: b", '"a: b"'),
    ("-x", '"-x"'),
    ('line\nend\t"\\', '"line\\nend\\t\\"\\\\"'),
    ("\u2028\u200b\U000e0001", '"\\u2028\\u200B\\U000E0001"'),
    (1.0, "1"),
    (0.125, "0.125"),
    (1e16, "1.0e+16"),
    (True, "true"),
    (None, "null"),
    ([1, ["a", {}]], "[1, [a, {}]]"),
    ({"a": [], "b c": "x"}, "{a: [], b c: x}"),
]


def test_flow() -> None:
    found = [yaml_text.render_flow(value) for value, _ in FLOWS]
    assert found == [text for _, text in FLOWS]


def test_to_builtins_has_plain_numbers() -> None:
    values = to_builtins(Settings(name="digits"))
    assert values["filesystem_size"] == 33554432
    assert values["max_durations"]["train"] == 86400.0
    assert values["default_launchers"]["train"]["disk"] is None
    assert values["types"]["evaluate"] == {"inputs": [], "outputs": []}
    assert values["based_on"] is None
