"""The schema for YAML editors: completion, hover texts and red lines while typing."""

from __future__ import annotations

from typing import Any

import msgspec.json

from gitstore.settings.schema import Settings
from gitstore.units import duration_literal, size_literal

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of settings.yaml.

    What it calls wrong is wrong. It does not know everything: rules about names and paths, and
    the limits of sizes and durations, are left to `gitstore settings check`.
    """
    described = msgspec.json.schema(Settings)
    _mend(described)
    return {"$schema": DIALECT, "title": "settings.yaml", **described}


def _mend(node: Any) -> None:
    """Describe what stands in the file where msgspec describes what becomes of it."""
    if isinstance(node, list):
        for item in node:
            _mend(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("pattern"), str) and node.get("type") in {"integer", "number"}:
        _describe_unit(node)
    if "$ref" in node or "anyOf" in node:
        # The defaults of a mapping are those of its keys; that of an optional value is its absence.
        node.pop("default", None)
    for item in node.values():
        _mend(item)


def _describe_unit(node: dict[str, Any]) -> None:
    """A number with a pattern is one with a unit: text, and for a size also plain bytes."""
    literal = size_literal if node["type"] == "integer" else duration_literal
    node["type"] = ["string", "integer"] if node["type"] == "integer" else "string"
    if "default" in node:
        node["default"] = literal(node["default"])
    node.pop("exclusiveMinimum", None)
    if "minimum" in node:
        # Holds for plain bytes only: JSON Schema does not compare text.
        node["minimum"] = int(node["minimum"])
