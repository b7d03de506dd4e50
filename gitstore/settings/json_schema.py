"""The JSON Schema of settings.yaml, for completion, hover texts and checks in editors."""

from __future__ import annotations

from typing import Any

import msgspec.json

from gitstore.settings.schema import Settings
from gitstore.units import duration_literal, size_literal

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def make_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of settings.yaml.

    Whatever it rejects is invalid. It does not contain all rules: only `gitstore settings check` checks
    names, paths, and the limits of sizes and durations.
    """
    description = msgspec.json.schema(Settings)
    _adapt(description)
    return {"$schema": DIALECT, "title": "settings.yaml", **description}


def _adapt(node: Any) -> None:
    """Change a schema of msgspec, which describes parsed values, so that it describes the file."""
    if isinstance(node, list):
        for item in node:
            _adapt(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("pattern"), str) and node.get("type") in {"integer", "number"}:
        _describe_unit(node)
    if "$ref" in node or "anyOf" in node:
        # A mapping has the defaults of its keys. An optional value is absent by default.
        node.pop("default", None)
    for item in node.values():
        _adapt(item)


def _describe_unit(node: dict[str, Any]) -> None:
    """Change the description of a number with a unit, which has a pattern: it is text, or bytes of a size."""
    literal = size_literal if node["type"] == "integer" else duration_literal
    node["type"] = ["string", "integer"] if node["type"] == "integer" else "string"
    if "default" in node:
        node["default"] = literal(node["default"])
    node.pop("exclusiveMinimum", None)
    if "minimum" in node:
        # The minimum applies to plain bytes only, since JSON Schema does not compare text.
        node["minimum"] = int(node["minimum"])
