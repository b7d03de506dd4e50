from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gitstore.errors import BadSettings
from gitstore.settings import Settings, TensorType, load, parse, to_builtins
from gitstore.settings.json_schema import make_schema
from gitstore.settings.loading import FILE_NAME

TEXT = Path(__file__).parents[2].joinpath("docs", "settings.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(yaml)?\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
EXAMPLES = [text for language, text in BLOCKS if language == "yaml"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_good(example: str) -> None:
    assert parse(example.encode()).name == "digits"


def test_the_problems_shown_are_those_of_the_example(tmp_path: Path) -> None:
    """With one mistake in each of three lines."""
    broken = EXAMPLES[0].replace("shape: [-1]}\n  evaluate", "shape: [-2]}\n  evaluate")
    broken = broken.replace("train: 24h", "train: 60").replace('"3.11"', "3.11")
    path = tmp_path / FILE_NAME
    path.write_text(broken)
    with pytest.raises(BadSettings) as error:
        load(path)
    (shown,) = [text for language, text in BLOCKS if not language]
    assert "".join(f"error: {problem}\n" for problem in error.value.problems) == shown


def test_every_key_is_documented_with_its_default() -> None:
    for struct in make_schema()["$defs"].values():
        for key in struct.get("properties", {}):
            assert f"`{key}`" in TEXT, key
    for element in TensorType:
        assert f"`{element}`" in TEXT
    rows: dict[str, Any] = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", TEXT, re.MULTILINE))
    documented = "name: digits\n" + "".join(f"{key}: {rows[key]}\n" for key in ("code", "filesystem_size"))
    durations = ("code_startup", "instantiate_model", "create_state", "train", "evaluate")
    documented += "max_durations:\n" + "".join(f"  {key}: {rows[key]}\n" for key in durations)
    launcher = "".join(f"    {key}: {rows[key]}\n" for key in ("engine", "cpus", "memory", "gpus"))
    documented += f"default_launchers:\n  train:\n{launcher}"
    assert to_builtins(parse(documented.encode())) == to_builtins(Settings(name="digits"))
