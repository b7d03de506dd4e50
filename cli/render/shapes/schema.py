"""docs/json.md and docs/json.schema.json, from the shapes of the JSON that commands print.

`python -m gitstore.cli.render.shapes.schema` writes the page, `… --schema` the JSON Schema. `COMMANDS` says
which shape each command prints, `shapes/` has the shapes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gitstore.cli.render.shapes import (
    aliases,
    automation,
    changes,
    environments,
    files,
    launchers,
    models,
    records,
    sharing,
    snapshots,
    states,
    storage,
    stores,
)
from gitstore.cli.render.shapes.shape import TYPES, Key, Shape
from gitstore.cli.render.shapes.store import billing

GROUPS: dict[str, dict[str, Shape]] = {
    "Snapshots": snapshots.SHAPES,
    "Aliases": aliases.SHAPES,
    "Models": models.SHAPES,
    "States and operations": states.SHAPES,
    "Environments": environments.SHAPES,
    "Records": records.SHAPES,
    "Warm launchers": launchers.SHAPES,
    "Differences": changes.SHAPES,
    "Sharing": sharing.SHAPES,
    "Automation": automation.SHAPES,
    "Storage": storage.SHAPES,
    "Stores": stores.SHAPES,
    "Billing": billing.SHAPES,
    "Settings, hooks and errors": files.SHAPES,
}

SHAPES: dict[str, Shape] = {name: shape for group in GROUPS.values() for name, shape in group.items()}

COMMANDS: dict[str, str] = {
    "init": "created model",
    "clone": "clone",
    "get": "fetched weights",
    "push": "push",
    "pull": "pull",
    "settings check": "settings check",
    "settings show": "object",
    "settings schema": "object",
    "lock": "locked packages",
    "lock --check": "lock check",
    "env list": "environment[]",
    "env build": "built environment",
    "env rm": "removed environments",
    "state list": "state[]",
    "state save": "saved state",
    "state use": "active state",
    "state path": "state path",
    "state create": "operation result",
    "state show": "state in full",
    "state compare": "state comparison",
    "state import": "imported state",
    "state export": "exported state",
    "state rename": "renamed state",
    "state drop": "dropped state",
    "state rm": "removed states",
    "train": "operation result",
    "status": "status",
    "snapshot": "taken snapshot",
    "list": "snapshot[]",
    "show": "snapshot in full",
    "diff": "diff",
    "evaluate": "evaluated",
    "evaluate --batch": "evaluated batch",
    "evaluate --expect": "evaluation comparison",
    "evaluate --compare": "evaluation comparison",
    "serve-model": "started launcher",
    "launcher list": "warm launcher[]",
    "launcher stop": "stopped launchers",
    "verify": "verified snapshots",
    "export": "exported snapshot",
    "restore": "restored snapshot",
    "alias set": "moved alias",
    "alias list": "alias[]",
    "alias show": "alias",
    "alias log": "alias move[]",
    "alias rollback": "moved alias",
    "alias rm": "alias",
    "rename": "renamed snapshot",
    "rm": "removed snapshots",
    "rm --remote": "removed remote snapshots",
    "derive": "derived model",
    "rebase": "rebased model",
    "detach": "detached model",
    "models": "model[]",
    "models rm": "removed model",
    "log": "model in the tree[]",
    "usage": "usage",
    "gc": "gc report",
    "automation check": "automation rules",
    "automation events list": "event[]",
    "automation events show": "event",
    "automation events redeliver": "event",
    "store init": "initialized store",
    "store create": "created store model",
    "store list": "store model[]",
    "store show": "described store model",
    "store derive": "derived store model",
    "store rm": "store removal",
    "store gc": "store gc",
    "store verify": "verified store",
    "store audit": "audited store",
    "store usage": "store usage",
    "store invoice": "invoice[]",
    "store forecast": "store forecast",
    "store check": "checked store",
    "store alias set": "moved alias",
    "store alias rollback": "moved alias",
    "store alias list": "alias[]",
    "store alias show": "alias",
    "store alias log": "alias move[]",
    "store alias rm": "alias",
    "store events list": "event[]",
    "store events show": "event",
    "store events redeliver": "event",
    "hooks install": "installed guard",
    "hooks uninstall": "uninstalled guard",
    "hooks list": "hook list",
}
"""What each command prints with `--json`, in the order of the help. An option can change that."""

_INTRODUCTION = """\
With `--json`, a command prints one value on standard output. Sizes are in bytes, dates are ISO 8601
with the offset, ids have 40 hexadecimal digits. Objects have exactly the keys that are listed here;
later versions may add keys. If a command fails, the last line of standard error is a
[failure](#failure). Progress is only shown as bars, never as JSON. [hooks.md](hooks.md) has the JSON
that hooks get.

`settings show` prints the settings, and `settings schema` their JSON Schema; see
[settings.md](settings.md).

`make docs` writes this page, and [json.schema.json](json.schema.json) beside it."""


def schema() -> dict[str, Any]:
    """The JSON Schema: a definition for each type, shape and command."""
    types = {name: value for name, value in TYPES.items() if len(value) > 1}
    shapes = {_slug(name): _object(shape) for name, shape in SHAPES.items()}
    commands = {command_definition(command): _kind(kind) for command, kind in COMMANDS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": types | shapes | commands,
    }


def command_definition(command: str) -> str:
    """The name of the definition of what a command prints."""
    return f"gitstore-{_slug(command.replace('--', ''))}"


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def all_keys(shape: Shape) -> tuple[Key, ...]:
    """A shape's own keys, after those of the shape that it extends."""
    if shape.extends is None:
        return shape.keys
    inherited = all_keys(SHAPES[shape.extends])
    if shape.partial:
        inherited = tuple(key._replace(nullable=key.name not in ("name", "model")) for key in inherited)
    return inherited + shape.keys


def _object(shape: Shape) -> dict[str, Any]:
    keys = all_keys(shape)
    return {
        "type": "object",
        "properties": {key.name: _nullable(key) for key in keys},
        "required": [key.name for key in keys if not key.optional],
        "additionalProperties": False,
    }


def _nullable(key: Key) -> dict[str, Any]:
    kind = _kind(key.kind)
    if not key.nullable or not kind:
        return kind
    if kind.keys() == {"type"}:
        return {"type": [kind["type"], "null"]}
    return {"anyOf": [kind, {"type": "null"}]}


def _kind(kind: str) -> dict[str, Any]:
    if kind.endswith("[]"):
        return {"type": "array", "items": _kind(kind.removesuffix("[]"))}
    simple = TYPES.get(kind)
    return simple if simple is not None and len(simple) < 2 else {"$ref": f"#/$defs/{_slug(kind)}"}


def page() -> str:
    """docs/json.md."""
    rows = "\n".join(f"| `gitstore {name}` | {_linked(kind)} |" for name, kind in COMMANDS.items())
    blocks = ["# JSON", _INTRODUCTION, f"| command | what it prints |\n|---|---|\n{rows}"]
    for title, group in GROUPS.items():
        blocks.append(f"## {title}")
        for name, shape in group.items():
            blocks += _section(name, shape)
    return "\n\n".join(blocks) + "\n"


def _section(name: str, shape: Shape) -> tuple[str, ...]:
    text = shape.meaning
    if shape.extends is not None:
        text += f" It also has the keys of {_linked(shape.extends)}."
    rows = "\n".join(map(_row, shape.keys))
    return f"### {name}", text, f"| key | type | meaning |\n|---|---|---|\n{rows}"


def _row(key: Key) -> str:
    notes = (" or null" if key.nullable else "") + (", not always" if key.optional else "")
    return f"| `{key.name}` | {_linked(key.kind)}{notes} | {key.meaning} |"


def _linked(kind: str) -> str:
    name = kind.removesuffix("[]")
    text = name if name in TYPES else f"[{name}](#{_slug(name)})"
    return f"list of {text}" if kind.endswith("[]") else text


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(schema(), indent=2)}\n" if "--schema" in sys.argv else page())
