"""The worker stands alone: it runs where gitstore is not installed."""

from __future__ import annotations

import ast
import sys

import pytest

from gitstore.run.process import WORKER

MODULES = sorted(WORKER.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_it_imports_the_standard_library_numpy_and_itself(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module.partition(".")[0])
    assert imported <= sys.stdlib_module_names | {"numpy"}
