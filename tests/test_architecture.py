"""The layers and habits that the design promises, read from the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import gitstore

ROOT = Path(gitstore.__file__).parents[1]

# From the bottom up: a module may import those of its own layer and of the layers before it.
LAYERS = [
    (
        "errors",
        "layout",
        "units",
        "names",
        "text",
        "afterwards",
        "cores",
        "progress",
    ),
    (
        "settings",
        "examples",
        "objects",
        "disk",
        "packs",
        "bigfiles",
        "git",
        "staging",
    ),
    (
        "domain",
        "events",
        "models",
        "environments",
        "storage",
        "workingcopy",
        "states",
        "snapshots",
        "derive",
        "hooking",
    ),
    ("run",),
    (
        "cli",
        "hooks",
    ),
]

APART = {("settings", "objects"), ("objects", "settings")}
"""Of one layer, and yet strangers."""

GIT = {"objects", "disk", "packs", "bigfiles", "git", "staging"}
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


@cache
def nodes(module: str) -> tuple[ast.AST, ...]:
    """All of a module's syntax tree, the module itself first."""
    return tuple(ast.walk(ast.parse(MODULES[module].read_bytes())))


@cache
def imports(module: str) -> frozenset[str]:
    """Dotted names that a module imports, anywhere in it; of a package, the module that is meant."""
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    for node in nodes(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.rsplit(".", node.level)[0] if node.level else ""
            source = ".".join(step for step in (above, node.module) if step)
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield whole if whole in MODULES else source


def test_there_is_something_to_look_at() -> None:
    expected = {"gitstore.errors", "gitstore.packs.pack", "gitstore.cli.main", "gitstore.run.worker"}
    assert expected <= MODULES.keys()


def test_imports_point_upward_only() -> None:
    ours = [
        (module, imported)
        for module in MODULES
        for imported in imports(module)
        if imported.split(".")[0] == "gitstore" and imported != "gitstore"
    ]
    assert [(module, imported) for module, imported in ours if imported not in MODULES] == []
    assert [(module, imported) for module, imported in ours if layer(imported) > layer(module)] == []
    assert [(module, imported) for module, imported in ours if (room(module), room(imported)) in APART] == []


def test_the_objects_room_alone_knows_git() -> None:
    """It alone imports the libraries of packs, and starts git. run/ starts workers, the demo commands."""
    for module in MODULES:
        found = {imported.split(".")[0] for imported in imports(module)}
        if room(module) not in GIT:
            assert not found & OBJECTS_ONLY, module
        if room(module) not in {*GIT, "events", "environments", "run", "cli"}:
            assert "subprocess" not in found, module


def whole(module: str) -> ast.Module:
    (found,) = (node for node in nodes(module) if isinstance(node, ast.Module))
    return found


def attributes(module: str, owner: str) -> set[str]:
    return {
        node.attr
        for node in nodes(module)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner
    }


def calls(module: str) -> set[str]:
    return {
        node.func.id
        for node in nodes(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


LIBRARY = [module for module in MODULES if room(module) not in ("cli", "hooks")]


def test_only_the_command_line_prints_and_reads_the_environment() -> None:
    streams, variables = {"stdout", "stderr", "stdin", "argv"}, {"environ", "environb", "getenv", "putenv"}
    workers = {module for module in LIBRARY if module.startswith("gitstore.run.worker")}
    assert workers
    assert [module for module in LIBRARY if "print" in calls(module)] == []
    assert [
        module for module in LIBRARY if attributes(module, "sys") & streams and module not in workers
    ] == []
    passing_on = "gitstore.git.process"  # to git, without what would lead it elsewhere
    reading = [module for module in LIBRARY if attributes(module, "os") & variables]
    assert [module for module in reading if module != passing_on] == []
    assert [module for module in LIBRARY if "click" in {name.split(".")[0] for name in imports(module)}] == []


def test_integrity_does_not_hang_on_assert() -> None:
    """`python -O` takes every assert away."""
    asserts = [
        (module, node.lineno) for module in LIBRARY for node in nodes(module) if isinstance(node, ast.Assert)
    ]
    assert asserts == []


def test_modules_are_short_and_say_what_they_are() -> None:
    texts = {module: path.read_text() for module, path in MODULES.items()}
    assert [module for module, text in texts.items() if len(text.splitlines()) >= LONGEST] == []
    silent = [module for module in MODULES if not ast.get_docstring(whole(module)) and texts[module].strip()]
    assert silent == []


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
    heavy |= {"subprocess", "traceback", "ctypes", "json", "logging"}
    assert loaded("import gitstore.cli.main") & heavy == set()


def test_the_objects_room_starts_without_what_few_commands_need() -> None:
    heavy = {"numpy", "rich", "yaml", "pyfastcdc", "ctypes", "concurrent.futures"}
    assert loaded("import gitstore.git.repository") & heavy == set()
