"""Each type of event is emitted by somebody; what each emits stands in the tests of its room."""

from __future__ import annotations

import ast
from pathlib import Path

import gitstore
from gitstore.outbox.events import EVENT_TYPES

SOURCES = Path(gitstore.__file__).parent


def test_each_event_is_built_somewhere() -> None:
    built = set()
    for path in SOURCES.rglob("*.py"):
        if path.name != "events.py":
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    built.add(node.func.id)
    assert {name for name, event in EVENT_TYPES.items() if event.__name__ not in built} == set()
