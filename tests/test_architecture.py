"""The layers and habits that the design promises, read from the source itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import gitstore

ROOT = Path(gitstore.__file__).parents[1]


class Room(NamedTuple):
    """What a room may import, and why."""

    imports: str
    why: str


ROOMS = {
    "words": Room("", "errors, names, units, text: the modules at the top, which all share"),
    "settings": Room(
        "words", "a file format: it knows nothing of git, so that editors and checkers can use it"
    ),
    "disk": Room("words", "files and processes of one machine"),
    "outbox": Room("words", "rows on a connection that it is given, whoever the events are of"),
    "packs": Room("words disk", "formats of git, in files that survive a crash"),
    "ledger": Room("words disk outbox packs", "objects by id and size, refs by name: it reads no repository"),
    "billing": Room("words ledger", "arithmetic on values, some of which are rows of the ledger"),
    "objects": Room("words disk packs", "what the bytes in packs mean"),
    "tensors": Room("words", "file formats: a file is read through a protocol, wherever it is stored"),
    "bigfiles": Room(
        "words disk packs objects tensors",
        "trees of large files: cut where tensors lie, built from objects, written to disk",
    ),
    "git": Room("words disk packs objects bigfiles", "a repository brings together what lies below"),
    "staging": Room("words disk packs objects bigfiles git", "git says what is ignored and converted"),
    "models": Room(
        "words settings disk packs objects bigfiles git",
        "what a model is stands in settings, refs and objects",
    ),
    "policy": Room(
        "words settings packs objects bigfiles models",
        "a pure function of values: what a push to a store may do",
    ),
    "environments": Room("words settings disk models", "settings ask for packages, packages.lock answers"),
    "sandbox": Room("words", "it confines a process, whatever that process does"),
    "records": Room(
        "words disk packs objects bigfiles git models",
        "notes on snapshots and states, and files of their own",
    ),
    "events": Room(
        "words settings disk outbox packs objects git models records",
        "hooks are found by git's rules; the refs of all kinds tell what has happened",
    ),
    "aliases": Room(
        "words disk packs objects git models records events",
        "an alias moves to a snapshot of which enough is recorded",
    ),
    "storage": Room(
        "words billing disk packs objects bigfiles git staging models records",
        "bytes of packs, charged to models",
    ),
    "workingcopy": Room(
        "words settings disk packs objects bigfiles git staging models",
        "files compared with what models hold",
    ),
    "states": Room(
        "words disk packs objects bigfiles git events models storage workingcopy",
        "removing one asks what it frees and what is unsaved",
    ),
    "diff": Room(
        "words settings packs objects tensors bigfiles git staging models environments workingcopy",
        "compares snapshots and working copies, and changes neither",
    ),
    "snapshots": Room(
        "words settings disk packs objects bigfiles git events"
        " models environments records aliases storage workingcopy states",
        "a snapshot is code, a state, settings and packages.lock",
    ),
    "transfer": Room(
        "words settings disk packs objects git models records events storage states",
        "refs of two repositories are compared, and git carries what one of them lacks",
    ),
    "derive": Room(
        "words settings disk packs objects bigfiles git events models"
        " records storage workingcopy states diff snapshots transfer",
        "a derived model starts from a snapshot, and has states of its own",
    ),
    "store": Room(
        "words settings billing disk outbox ledger packs objects git models policy records events aliases"
        " storage snapshots transfer derive",
        "a directory of repositories: hooks collect the facts of a push, and the policy decides",
    ),
    "run": Room(
        "words settings disk packs objects tensors bigfiles git events models"
        " records environments workingcopy states derive sandbox",
        "an operation reads a snapshot, and may leave a state",
    ),
    "batch": Room(
        "words settings disk git events models run",
        "many evaluations of a snapshot, on whatever evaluates",
    ),
    "automation": Room(
        "words settings disk outbox ledger git models records events aliases store run",
        "an event may evaluate a snapshot, move an alias, or leave the machine",
    ),
    "launchers": Room(
        "words settings disk packs objects git models records run sandbox",
        "a warm launcher keeps what run/ instantiated; to a Ray cluster, a snapshot travels as a pack of git",
    ),
    "hooks": Room(
        "words settings disk packs git events models states snapshots derive",
        "a hook is tried with what would happen",
    ),
    "library": Room(
        "words settings models records aliases storage states snapshots derive run sandbox",
        "what outsiders import: each method is one call into a room",
    ),
    "cli": Room("*", "the face of all of it"),
}
"""From the bottom up: a room may import those that it names, which all stand above it here."""

FACES = {"gitstore": "library", "gitstore.__main__": "cli"}
"""The modules at the top that are no words."""

GIT = {"disk", "packs", "objects", "bigfiles", "git", "staging"}
"""The rooms that may import the libraries of packs, and start git."""

OBJECTS_ONLY = {"pygit2", "isal", "pyfastcdc"}
TWICE = {
    "Model": "the library's face, and what it wraps",
    "Snapshot": "the library's face, and what it wraps",
    "State": "the library's face, and what it wraps",
}
"""Names of two classes, and why. Any other name of a class is of one class in the whole package."""

LONGEST = 400
LONGEST_FUNCTION = 40
MOST_POSITIONAL = 2
MOST_MODULES = 15


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; cli/ and hooks/ are installed inside gitstore."""
    found = {}
    for folder, prefix in (("gitstore", "gitstore"), ("cli", "gitstore.cli"), ("hooks", "gitstore.hooks")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            steps = inner[:-1] if inner[-1] == "__init__" else inner
            if "examples" not in steps[:-1] or steps[-1] == "examples":  # the examples are the user's code
                found[".".join([prefix, *steps])] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    """Where a module belongs."""
    steps = module.split(".")[1:]
    return steps[0] if steps and steps[0] in ROOMS else FACES.get(module, "words")


def ours(module: str) -> set[str]:
    """The modules of gitstore that a module imports."""
    return {name for name in imports(module) if name.split(".")[0] == "gitstore" and name != "gitstore"}


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


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> Iterator[None]:
    """All syntax trees go at the end: each later collection of garbage would look at their 300,000 nodes."""
    yield
    nodes.cache_clear()


def test_there_is_something_to_look_at() -> None:
    expected = {"gitstore.errors", "gitstore.packs.pack", "gitstore.cli.main", "gitstore.run.worker"}
    assert expected <= MODULES.keys()


def test_every_package_is_a_room() -> None:
    packages = {path.parent.name for path in (ROOT / "gitstore").glob("*/__init__.py")}
    assert packages | {"words", "cli", "hooks"} == set(ROOMS)


def test_every_package_is_installed() -> None:
    """An editable install finds a package that pyproject.toml does not list; a wheel lacks it."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    packages = {module for module, path in MODULES.items() if path.stem == "__init__"}
    assert packages == set(listed)


def test_rooms_stand_in_order() -> None:
    order = list(ROOMS)
    wrong = [
        (name, below)
        for name, entry in ROOMS.items()
        for below in entry.imports.replace("*", "").split()
        if order.index(below) >= order.index(name)
    ]
    assert wrong == []
    assert [name for name, entry in ROOMS.items() if not entry.why] == []


def test_a_room_imports_what_it_may() -> None:
    wrong = []
    for module in MODULES:
        here = room(module)
        may = {*ROOMS, here} if ROOMS[here].imports == "*" else {*ROOMS[here].imports.split(), here}
        wrong += [(module, name) for name in ours(module) if name not in MODULES or room(name) not in may]
    assert wrong == []


def test_what_a_room_may_import_it_does_import() -> None:
    used = {(room(module), room(name)) for module in MODULES for name in ours(module)}
    allowed = [(name, below) for name, entry in ROOMS.items() for below in entry.imports.split()]
    assert [pair for pair in allowed if pair[1] != "*" and pair not in used] == []


def test_rooms_have_few_modules() -> None:
    sizes = Counter(module.rpartition(".")[0] for module in MODULES if MODULES[module].stem != "__init__")
    crowded = {name: size for name, size in sizes.items() if size > MOST_MODULES}
    assert crowded == {}


def test_the_name_of_a_class_is_of_one_class() -> None:
    """A private class is known in its module alone, and does not count."""
    classes = (node.name for module in MODULES for node in nodes(module) if isinstance(node, ast.ClassDef))
    counts = Counter(name for name in classes if not name.startswith("_"))
    assert {name for name, count in counts.items() if count > 1} == set(TWICE)


def test_the_rooms_of_git_alone_know_git() -> None:
    """They alone import the libraries of packs. events/ starts hooks, run/ workers, the demo commands."""
    for module in MODULES:
        found = {imported.split(".")[0] for imported in imports(module)}
        if room(module) not in GIT:
            assert not found & OBJECTS_ONLY, module
        if room(module) not in {*GIT, "events", "run", "environments", "cli"}:
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
    programs = ("gitstore.run.worker", "gitstore.sandbox.programs")
    workers = {module for module in LIBRARY if module.startswith(programs)}
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


PLURAL = re.compile(
    r" (?:more |new )?(?:objects|snapshots|models|states|files|packs|pushes|refs|rows|keys|problems|tensors"
    r"|commits|examples|workers|packages|events|deliveries|entries|environments|nodes|owners|aliases|parts)\b"
)
LIMIT = re.compile(r"over |more than|at most ")


def test_a_number_in_a_message_agrees_with_its_noun() -> None:
    """`text.counted` writes `1 snapshot`. What is over a limit, or is one, is never 1."""
    wrong = []
    for module in MODULES:
        for node in nodes(module):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                wrong += [
                    f"{module}:{number.lineno}"
                    for number, words in pairwise(node.values)
                    if isinstance(number, ast.FormattedValue)
                    and isinstance(words, ast.Constant)
                    and PLURAL.match(str(words.value))
                    and not LIMIT.search(text)
                ]
    assert wrong == []


def test_modules_are_short_and_say_what_they_are() -> None:
    texts = {module: path.read_text() for module, path in MODULES.items()}
    assert [module for module, text in texts.items() if len(text.splitlines()) >= LONGEST] == []
    silent = [module for module in MODULES if not ast.get_docstring(whole(module)) and texts[module].strip()]
    assert silent == []


def functions(module: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions of a module, inner ones too, and how they are called in a message."""
    for node in nodes(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module}.{node.name}", node


def test_functions_are_short() -> None:
    long = [
        name
        for module in MODULES
        for name, node in functions(module)
        if (node.end_lineno or node.lineno) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def is_called_by_us(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether its parameters are ours to choose: Python calls `__exit__`, and click the commands."""
    is_command = any("command(" in ast.unparse(decorator) for decorator in node.decorator_list)
    return not is_command and (not node.name.startswith("__") or node.name == "__init__")


def test_functions_take_few_positional_parameters() -> None:
    """At most two beside what they are about: `self`, or the first parameter of a function."""
    many = [
        name
        for module in MODULES
        for name, node in functions(module)
        if len(node.args.posonlyargs + node.args.args) > 1 + MOST_POSITIONAL and is_called_by_us(node)
    ]
    assert many == []


def test_the_worker_runs_in_an_environment_without_gitstore_s_dependencies() -> None:
    """The model's own Python starts it: it may import the standard library, numpy and itself."""
    allowed = set(sys.stdlib_module_names) | {"numpy"}
    for module in MODULES:
        if module.startswith("gitstore.run.worker"):
            for imported in imports(module):
                ours = imported.startswith("gitstore.run.worker")
                assert ours or imported.split(".")[0] in allowed, f"{module} imports {imported}"


def test_the_worker_s_syntax_is_that_of_python_3_9() -> None:
    """The model's own Python may be that old. Ruff looks for names that are newer; see pyproject.toml."""
    workers = [path for module, path in MODULES.items() if module.startswith("gitstore.run.worker")]
    assert len(workers) > 5
    for path in workers:
        ast.parse(path.read_bytes(), str(path), feature_version=(3, 9))


def loaded(statement: str) -> set[str]:
    """The modules that a fresh Python has after a statement."""
    script = f"{statement}\nimport sys\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_starts_without_its_heavy_imports() -> None:
    heavy = {
        "sqlite3",
        "pygit2",
        "numpy",
        "rich",
        "yaml",
        "msgspec",
        "isal",
        "pyfastcdc",
        "concurrent.futures",
    }
    assert loaded("import gitstore.cli.main") & heavy == set()


def test_an_evaluation_starts_its_worker_without_numpy() -> None:
    """The worker loads numpy, and so does gitstore, at the same time."""
    modules = "cli.commands.run.evaluate", "run.conditions", "run.evaluation", "run.values.inputs"
    statement = "\n".join(f"import gitstore.{module}" for module in (*modules, "models.reference"))
    assert loaded(statement) & {"numpy", "rich"} == set()


def test_the_git_room_starts_without_numpy() -> None:
    assert loaded("import gitstore.git.repository") & {"numpy", "rich", "yaml", "pyfastcdc"} == set()


NO_ROOMS = {
    "bench": "measures gitstore against other tools, and is no test",
    "cli": "runs commands; what holds for all of them has files of its own",
    "compat": "the format, page by page, against stock git",
    "life": "random lives of a model, through all rooms",
    "real": "models of packages that people use, each from its making to a clone",
    "support": "what tests share",
    "whole": "what no room promises alone: crashes, bounds, two commands at once",
}
"""The directories of tests that mirror no room, and why."""

NO_MODULES = {
    "conformance": "all launchers",
    "docs": "the room's page",
    "exports": "what the room's `__init__` exports",
}
"""Tests in a room that are of no module, and what they are of."""


def files_in_rooms() -> Iterator[Path]:
    """The test files below the directories that mirror a room, relative to tests/."""
    for path in sorted((ROOT / "tests").glob("*/**/test_*.py")):
        inner = path.relative_to(ROOT / "tests")
        if inner.parts[0] not in NO_ROOMS:
            yield inner


def test_each_directory_of_tests_is_a_room_or_has_a_reason() -> None:
    directories = {path.parent.name for path in (ROOT / "tests").glob("*/*.py")}
    assert directories - NO_ROOMS.keys() <= ROOMS.keys()
    assert NO_ROOMS.keys() <= directories


def test_each_test_stands_where_its_module_does() -> None:
    """tests/ROOM/test_MODULE.py, or test_MODULE_ASPECT.py, is about gitstore/ROOM/MODULE.py."""
    wrong = []
    for path in files_in_rooms():
        package = ".".join(["gitstore", *path.parts[:-1], ""])
        subjects = {*NO_MODULES} | {
            name.removeprefix(package) for name in MODULES if name.startswith(package)
        }
        stem = path.stem.removeprefix("test_")
        if not any(stem == subject or stem.startswith(f"{subject}_") for subject in subjects):
            wrong.append(str(path))
    assert wrong == []
