"""What holds for every test: a home, a git configuration, a clock and a locale of its own."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from gitstore.cli.main import main
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.run import conditions, process
from gitstore.store import hooks
from tests.support import (
    combinations,
    commands,
    environments,
    lasting,
    models,
    real_home,
    scenes,
    spawning,
    wheels,
    workers,
)

GIT_CONFIG = """\
[user]
	name = Ada Lovelace
	email = ada@example.org
[init]
	defaultBranch = main
[gitstore]
	sandbox = off
"""

DATE = "1700000000 +0000"

FIXED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada Lovelace",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": DATE,
    "GIT_COMMITTER_NAME": "Ada Lovelace",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": DATE,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_TEST_FSYNC": "0",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}

LEAKS = (
    "GIT_",
    "GITSTORE_",
    "PYTHON",
    "XDG_",
    "LC_",
    "LANG",
    "COLUMNS",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
)
"""Starts of the names of variables that would make a test depend on who runs it, and where."""

# Without compiled modules, each Python process that a test starts would compile gitstore anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Matrices of tests are small: threads for them only wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A second git, newer than the system's, which all tests run then: `make compat` is for that.
if "GITSTORE_TEST_GIT" in os.environ:
    os.environ["PATH"] = f"{Path(os.environ['GITSTORE_TEST_GIT']).parent}{os.pathsep}{os.environ['PATH']}"

# Each shim of a version manager takes a shell as long as gitstore takes for a whole command.
os.environ["PATH"] = environments.leave_out_shims(os.environ["PATH"])

# A power cut ends the tests as well, so nothing needs to be on the disk. Git's own tests do likewise. Those
# that check what is synced trace a process of its own, see tests/support/tracing.py.
os.fsync = os.fstat  # type: ignore[assignment]

settings.register_profile("repeatable", deadline=None, derandomize=True, database=None, max_examples=30)
settings.load_profile("repeatable")

real_home.forbid_writing()

# A shell starts background work with SIGINT ignored, and we would pass that on: tests press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of what could go on for ever is done; the defaults are what a test run can afford."""
    parser.addoption("--kills", type=int, default=2, metavar="N", help="kill each writing command N times")
    parser.addoption("--faults", type=int, metavar="N", help="N system calls of each command fail; 0: all")
    parser.addoption(
        "--flips", type=int, default=5, metavar="N", help="flip a bit of each kind of file and N more; 0: all"
    )
    parser.addoption("--each-setting", action="store_true", help="try each setting of git for itself")
    parser.addoption(
        "--combinations", action="store_true", default=None, help="run what the suite has samples of"
    )
    parser.addoption(
        "--examples", type=int, metavar="N", help="N random examples of each property, other ones each time"
    )
    parser.addoption("--ray", action="store_true", default=None, help="run what needs a Ray cluster")
    parser.addoption("--real", action="store_true", default=None, help="run real models")
    parser.addoption("--real-starts", action="store_true", help="start workers and hooks as the product does")
    parser.addoption("--accept", action="store_true", help="write tests/cli/golden/ as commands print now")
    parser.addoption("--clients", type=int, default=3, metavar="N", help="clients of a store at once")
    parser.addoption("--seconds", type=float, metavar="S", help="for how long they work; else a little")
    parser.addoption("--pushes", type=int, default=4, metavar="N", help="small pushes to a store")
    parser.addoption("--crashes", type=int, metavar="N", help="pushes to a store that are killed")
    parser.addoption("--lives", type=int, metavar="N", help="N random lives, other ones each time")


def pytest_configure(config: pytest.Config) -> None:
    """More examples than a test run can afford, if they are asked for."""
    if (examples := config.getoption("examples")) is not None:
        settings.register_profile(
            "many", deadline=None, database=None, max_examples=examples, print_blob=True
        )
        settings.load_profile("many")


_samples = pytest.StashKey[combinations.Samples]()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave out most of what is sampled, unless all of it is asked for."""
    item.config.stash.setdefault(_samples, combinations.Samples()).add(item)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that take hours, unless they are asked for."""
    marks = {item: item.get_closest_marker("only_with") for item in items}
    items[:] = [
        item for item, mark in marks.items() if not mark or config.getoption(mark.args[0]) is not None
    ]


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end, so no collection of garbage looks at it again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Remove what this process has kept for all its tests."""
    lasting.remove_directories()


@pytest.fixture(autouse=True, scope="module")
def no_litter() -> None:
    """Close now what earlier modules left to the garbage collector: some tests count what is open.

    What is left are modules and caches, which the next collections need not look at again.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def home_of_scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home for what fixtures of a module or of the session build, before any test has one of its own."""
    wheels.fetch()
    with pytest.MonkeyPatch.context() as patch:
        _settle(tmp_path_factory, patch)
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home directory of this test alone, with a git configuration that names an author."""
    return _settle(tmp_path_factory, monkeypatch)


_homes = count()


def _settle(temporary: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Path:
    """Make a new home directory, and set or delete all variables that tests depend on."""
    run = temporary.getbasetemp()
    home = run / f"home{next(_homes)}"  # mktemp takes as long as all else here
    home.mkdir(mode=0o700)
    (home / ".gitconfig").write_text(GIT_CONFIG)
    variables = FIXED | {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")}
    for kind in ("CONFIG", "CACHE", "DATA", "STATE", "RUNTIME"):
        variables[f"XDG_{kind}_{'DIR' if kind == 'RUNTIME' else 'HOME'}"] = str(home / kind.lower())
    for name in [each for each in os.environ if each.startswith(LEAKS) and each not in variables]:
        patch.delenv(name)
    environments.set_variables(variables, patch)
    _tell_libgit2(home)
    environments.share(run.parent if "PYTEST_XDIST_WORKER" in os.environ else run, home, patch)
    return home


def _tell_libgit2(home: Path) -> None:
    """libgit2 looked at HOME once, when it was loaded."""
    pygit2 = sys.modules.get("pygit2")
    if pygit2 is not None:
        level = pygit2.enums.ConfigLevel
        for each in (level.SYSTEM, level.XDG, level.GLOBAL):
            pygit2.settings.search_path[each] = str(home)


@pytest.fixture(autouse=True)
def quick_starts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and the hooks of stores are forks of what is loaded already, where a test wants no real ones.

    Those workers have the packages of the tests; real ones run in real environments.
    """
    is_real = request.config.getoption("--real-starts") or request.node.get_closest_marker("real_starts")
    if sys.platform == "linux" and not is_real:
        monkeypatch.setattr(process, "launch", workers.launch)
        monkeypatch.setattr(conditions, "find_environments", environments.find_own)
        monkeypatch.setattr(hooks, "find_python", spawning.find_python)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A new repository in `tmp_path`/repository, on the unborn branch main."""
    scenes.copy(_new_repository, tmp_path)
    return Repository(tmp_path / "repository" / ".git", tmp_path / "repository")


def _new_repository(root: Path) -> None:
    Repository.create(root / "repository")


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A small model in `tmp_path`/digits, with weights in states/initial/ and no snapshot yet."""
    return models.make(tmp_path / "digits")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> commands.Run:
    """The entry point itself, in this process: `run("list", cwd=directory)`."""

    def run(*arguments: str, cwd: Path) -> commands.Outcome:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["gitstore", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        assert isinstance(stop.value.code, int)
        return commands.Outcome(stop.value.code, out, err)

    return run


@pytest.fixture
def git() -> commands.Git:
    """Stock git: `git("log", "--oneline", cwd=directory)` gives its standard output."""
    return commands.git


@pytest.fixture
def fsck() -> commands.Fsck:
    """`fsck(repository)` fails unless stock git finds nothing at all to say."""
    return commands.fsck


@pytest.fixture
def gitstore() -> commands.Gitstore:
    """gitstore in a process of its own: `gitstore("list", cwd=directory)` gives code, stdout and stderr."""
    return spawning.gitstore
