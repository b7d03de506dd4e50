"""The JSON of the golden files, which run every command, has the shapes of docs/json.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema  # type: ignore[import-untyped]

from gitstore.cli.main import cli
from gitstore.cli.render.shapes import schema
from gitstore.cli.render.shapes.shape import TYPES

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
    """JSON in which what changes from run to run has placeholders: numbers, ids and dates."""
    text = re.sub(r"(?<=: )<[\w-]+>(?=,?$)", "0", text, flags=re.MULTILINE)
    return json.loads(
        re.sub(r'"<id-\d+>"', f'"{"0" * 40}"', text).replace('"<date>"', '"2023-11-14T22:13:20Z"')
    )


def command_of(line: str) -> str:
    """The command of a command line, with the option that makes it print something else, if it has that."""
    words = line.removeprefix("gitstore ").split()
    fitting = [command for command in schema.COMMANDS if is_command(command.split(), words)]
    return max(fitting, key=len)


def is_command(command: list[str], words: list[str]) -> bool:
    names = [name for name in command if not name.startswith("--")]
    return words[: len(names)] == names and set(command) <= set(words)


SCHEMA = schema.schema()
OUTPUTS = [
    (line, data)
    for path in sorted(GOLDEN.glob("*.txt"))
    for line, data, _ in printed(path.read_text())
    if data and not line.startswith("gitstore -C")
]


def check(value: object, definition: str) -> None:
    Validator = jsonschema.Draft202012Validator
    Validator(SCHEMA | {"$ref": f"#/$defs/{definition}"}).validate(value)


def test_each_command_keeps_to_its_shape() -> None:
    wrong = []
    for line, data in OUTPUTS:
        try:
            check(parsed(data), schema.command_definition(command_of(line)))
        except jsonschema.ValidationError as error:
            wrong.append((line, error.json_path, error.message))
    assert wrong == []


def test_each_command_is_in_a_golden_file() -> None:
    assert schema.COMMANDS.keys() - {command_of(line) for line, _ in OUTPUTS} == set()


def shapes(value: Any, kind: str) -> Iterator[str]:
    """The shapes of a value and of what is in it."""
    if kind.endswith("[]"):
        for item in value or ():
            yield from shapes(item, kind.removesuffix("[]"))
    elif kind in schema.SHAPES and value is not None:
        yield kind
        for key in schema.all_keys(schema.SHAPES[kind]):
            if key.name in value:
                yield from shapes(value[key.name], key.kind)


def test_each_shape_is_in_a_golden_file() -> None:
    seen = {
        shape for line, data in OUTPUTS for shape in shapes(parsed(data), schema.COMMANDS[command_of(line)])
    }
    extended = {shape.extends for shape in schema.SHAPES.values()}
    assert schema.SHAPES.keys() - seen - extended == {"failure", "error"}


def commands(group: click.Group, *path: str) -> Iterator[str]:
    """The commands that have --json."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if any("--json" in parameter.opts for parameter in command.params):
            yield " ".join([*path, name])
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def test_each_command_with_json_has_a_shape() -> None:
    assert set(commands(cli)) == {command.partition(" --")[0] for command in schema.COMMANDS}


def test_each_shape_is_used_and_each_key_is_described() -> None:
    kinds = {key.kind for shape in schema.SHAPES.values() for key in shape.keys} | {*schema.COMMANDS.values()}
    names = {kind.removesuffix("[]") for kind in kinds}
    used = names | {shape.extends for shape in schema.SHAPES.values()} | {"failure"}
    assert used - schema.SHAPES.keys() - TYPES.keys() == {None}
    assert schema.SHAPES.keys() - used == set()


def test_errors_have_one_shape() -> None:
    found = 0
    for path in GOLDEN.glob("*.txt"):
        for _, _, errors in printed(path.read_text()):
            start = errors.rfind('{\n  "error"')
            if start >= 0:
                error = parsed(errors[start:])
                check(error, "failure")
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
