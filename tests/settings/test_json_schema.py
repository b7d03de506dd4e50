from __future__ import annotations

from typing import Any

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from gitstore.settings import Settings, render
from gitstore.settings.json_schema import make_schema


def problems_of(settings: Any) -> list[str]:
    validator = Draft202012Validator(make_schema())
    return [error.json_path for error in validator.iter_errors(settings)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(make_schema())


def test_the_example_is_good(example: bytes) -> None:
    values = yaml.safe_load(example)
    values["based_on"]["tag"] = str(values["based_on"]["tag"])
    assert problems_of(values) == []


def test_what_is_rendered_is_good() -> None:
    assert problems_of(yaml.safe_load(render(Settings(name="digits")))) == []


BAD: list[tuple[Any, str]] = [
    ({}, "$"),
    ({"name": "x", "nmae": "y"}, "$"),
    ({"name": 7}, "$.name"),
    ({"name": "x", "filesystem_size": "32 potatoes"}, "$.filesystem_size"),
    ({"name": "x", "filesystem_size": -1}, "$.filesystem_size"),
    ({"name": "x", "max_durations": {"train": 60}}, "$.max_durations.train"),
    ({"name": "x", "max_durations": {"train": "60"}}, "$.max_durations.train"),
    ({"name": "x", "max_durations": {"train": ""}}, "$.max_durations.train"),
    (
        {"name": "x", "types": {"train": [{"name": "a", "types": ["f99"], "shape": []}]}},
        "$.types.train[0].types[0]",
    ),
    (
        {"name": "x", "types": {"train": [{"name": "a", "types": [], "shape": []}]}},
        "$.types.train[0].types",
    ),
    ({"name": "x", "packages": {"requirements": ["numpy"]}}, "$.packages.requirements[0]"),
    ({"name": "x", "packages": {"python": 3.11}}, "$.packages.python"),
    ({"name": "x", "default_launchers": {"train": {"cpus": 0}}}, "$.default_launchers.train.cpus"),
]


def test_what_is_bad() -> None:
    found = [problems_of(values) for values, _ in BAD]
    assert found == [[path] for _, path in BAD]


def test_defaults_are_as_in_the_file() -> None:
    definitions = make_schema()["$defs"]
    assert definitions["Settings"]["properties"]["filesystem_size"]["default"] == "32MiB"
    assert definitions["MaxDurations"]["properties"]["train"]["default"] == "1d"
    assert "default" not in definitions["Settings"]["properties"]["types"]


def test_every_key_says_what_it_means() -> None:
    for name, struct in make_schema()["$defs"].items():
        assert struct["description"], name
        for key, value in struct.get("properties", {}).items():
            assert "description" in value or "$ref" in value or "anyOf" in value, key
