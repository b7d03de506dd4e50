"""The layers and habits that the design promises, read from the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gitstore

ROOT = Path(gitstore.__file__).parents[1]

# From the bottom up: a module may import those of its own layer and of the layers before it.
LAYERS = [
    ("errors", "layout", "units", "names", "quoting"),
    ("settings", "objects", "examples"),
    ("domain",),
    ("run",),
    ("server",),
    ("cli", "hooks"),
]

APART = {("settings", "objects"), ("objects", "settings")}
"""Of one layer, and yet strangers."""

OBJECTS_ONLY = {"pygit2", "isal", "pyfastcdc"}
LONGEST = 400


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; cli/ and hooks/ are installed inside gitstore."""
    found = {}
    for folder, prefix in (("gitstore", "gitstore"), ("cli", "gitstore.cli"), ("hooks", "gitstore.hooks")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            steps = inner[:-1] if inner[-1] == "__init__" else inner
            if "examples" not in steps or len(steps) == 1:  # the examples are the user's code
                found[".".join([prefix, *steps])] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    """Where a module belongs: a room of its own, or the domain."""
    steps = module.split(".")[1:]
    if not steps:
        return "errors"  # the package itself, which is its version
    known = {name for layer in LAYERS for name in layer}
    return steps[0] if steps[0] in known else "domain"


def layer(module: str) -> int:
    return next(level for level, rooms in enumerate(LAYERS) if room(module) in rooms)


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_bytes())


def imports(module: str) -> Iterator[str]:
    """Dotted names that a module imports, anywhere in it; of a package, the module that is meant."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.rsplit(".", node.level)[0] if node.level else ""
            source = ".".join(step for step in (above, node.module) if step)
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield whole if whole in MODULES else source


def test_there_is_something_to_look_at() -> None:
    expected = {"gitstore.errors", "gitstore.objects.pack", "gitstore.cli.main", "gitstore.run.worker"}
    assert expected <= MODULES.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_upward_only(module: str) -> None:
    for imported in imports(module):
        if imported.split(".")[0] == "gitstore" and imported != "gitstore":
            assert imported in MODULES, f"{module} imports {imported}, which is not there"
            assert layer(imported) <= layer(module), f"{module} imports {imported}"
            assert (room(module), room(imported)) not in APART, f"{module} imports {imported}"


def test_the_objects_room_alone_knows_git() -> None:
    """It alone imports the libraries of packs, and starts git. run/ starts workers, the demo commands."""
    for module in MODULES:
        found = {imported.split(".")[0] for imported in imports(module)}
        if room(module) != "objects":
            assert not found & OBJECTS_ONLY, module
        if room(module) not in ("objects", "run", "cli"):
            assert "subprocess" not in found, module


def attributes(module: str, owner: str) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner
    }


def calls(module: str) -> set[str]:
    return {
        node.func.id
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


@pytest.mark.parametrize("module", [each for each in MODULES if room(each) not in ("cli", "hooks")])
def test_only_the_command_line_prints_and_reads_the_environment(module: str) -> None:
    worker = module.startswith("gitstore.run.worker")
    passes_on = module == "gitstore.objects.git"  # to git, without what would lead it elsewhere
    assert "print" not in calls(module)
    assert worker or not attributes(module, "sys") & {"stdout", "stderr", "stdin", "argv"}
    assert passes_on or not attributes(module, "os") & {"environ", "environb", "getenv", "putenv"}
    assert "click" not in {imported.split(".")[0] for imported in imports(module)}


@pytest.mark.parametrize("module", [each for each in MODULES if room(each) not in ("cli", "hooks")])
def test_integrity_does_not_hang_on_assert(module: str) -> None:
    """`python -O` takes every assert away."""
    lines = [node.lineno for node in ast.walk(tree(module)) if isinstance(node, ast.Assert)]
    assert lines == []


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_short_and_say_what_they_are(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) < LONGEST
    assert ast.get_docstring(tree(module)) or not MODULES[module].read_text().strip()


def test_the_worker_runs_in_an_environment_without_gitstore_s_dependencies() -> None:
    """The model's own Python starts it: it may import the standard library, numpy and itself."""
    allowed = set(sys.stdlib_module_names) | {"numpy"}
    for module in MODULES:
        if module.startswith("gitstore.run.worker"):
            for imported in imports(module):
                ours = imported.startswith("gitstore.run.worker")
                assert ours or imported.split(".")[0] in allowed, f"{module} imports {imported}"


def loaded(statement: str) -> set[str]:
    """The modules that a fresh Python has after a statement."""
    script = f"{statement}\nimport sys\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_starts_without_its_heavy_imports() -> None:
    heavy = {"pygit2", "numpy", "rich", "yaml", "msgspec", "isal", "pyfastcdc", "concurrent.futures"}
    assert loaded("import gitstore.cli.main") & heavy == set()


def test_the_objects_room_starts_without_numpy() -> None:
    assert loaded("import gitstore.objects.repository") & {"numpy", "rich", "yaml", "pyfastcdc"} == set()
