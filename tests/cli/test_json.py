"""The JSON of the golden files, which run every command, has the shapes of docs/json.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from gitstore.cli.render import schema

GOLDEN = Path(__file__).with_name("golden")
DOCS = Path(__file__).parents[2] / "docs"


def printed(text: str) -> Iterator[tuple[str, str, str]]:
    """Each command line of a golden file with --json, what it prints on stdout, and what on stderr."""
    for block in re.split(r"^    \$ ", text, flags=re.MULTILINE)[1:]:
        line, *lines = block.splitlines()
        if line.startswith("gitstore ") and "--json" in line.split():
            indented = [each.removeprefix("    ") for each in lines if each.startswith("    ")]
            errors = [each.removeprefix("! ") for each in indented if each.startswith("! ")]
            others = [each for each in indented if not each.startswith("! ")]
            data = [each for each in others if not re.fullmatch(r"\[\d+\]", each)]
            yield line, "\n".join(data), "\n".join(errors)


def parsed(text: str) -> Any:
    """JSON in which numbers that change from run to run have placeholders."""
    return json.loads(re.sub(r"(?<=: )<[\w-]+>(?=,?$)", "0", text, flags=re.MULTILINE))


def check(value: object, definition: str) -> None:
    whole = schema.schema()
    jsonschema.validate(value, whole | {"$ref": f"#/$defs/{definition}"})


@pytest.mark.parametrize("command", schema.COMMANDS)
def test_a_command_keeps_to_its_shape(command: str) -> None:
    name = command.replace(" ", "-")
    outputs = [data for _, data, _ in printed((GOLDEN / f"{name}.txt").read_text()) if data]
    assert outputs, "its golden file has no --json"
    for data in outputs:
        check(parsed(data), f"gitstore-{name}")


def test_errors_have_one_shape() -> None:
    found = 0
    for path in GOLDEN.glob("*.txt"):
        for line, _, errors in printed(path.read_text()):
            start = errors.rfind('{\n  "error"')
            if start >= 0:
                error = parsed(errors[start:])
                assert list(error) == ["error"], line
                check(error["error"], "error")
                found += 1
    assert found


def test_what_looks_like_a_snapshot_is_one() -> None:
    """Whichever command prints an object with a name and a tagger, it has all keys of the shape."""
    required = {key.name for key in schema.SHAPES["snapshot"].keys if not key.optional}

    def look(value: object) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "tagger" in value:
                yield value
            for inner in value.values():
                yield from look(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from look(inner)

    commands = set()
    for path in GOLDEN.glob("*.txt"):
        for line, data, _ in printed(path.read_text()):
            for snapshot in look(parsed(data)) if data else ():
                assert required <= snapshot.keys(), line
                commands.add(path.stem)
    assert commands >= {"list", "show", "snapshot", "rename", "rm", "log", "status"}


def test_the_page_and_the_schema_are_current() -> None:
    assert (DOCS / "json.md").read_text() == schema.page(), "make docs writes it"
    assert json.loads((DOCS / "json.schema.json").read_text()) == schema.schema(), "make docs writes it"
