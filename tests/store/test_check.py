"""How a store is set up: each kind of problem is found, with its place and a remedy, and no other one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from gitstore.disk import locks
from gitstore.disk.processes import ProcessId, identify
from gitstore.packs.oid import Oid
from gitstore.store.check import StoreProblem, check_store
from gitstore.store.create import init_store
from gitstore.store.gc import collect_store
from gitstore.store.store import Store
from tests.support.commands import git
from tests.support.stores import NOW, add_model, make_store
from tests.support.users import NOBODY, has_power

Spoil: TypeAlias = Callable[[Path], object]
"""Does something to the store in a directory, which has the model ada/digits."""

MODEL = "ada/digits.git"


class Case(NamedTuple):
    """What is wrong with a store, and what is reported."""

    spoil: Spoil
    path: str
    problem: str
    remedy: str


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one model."""
    store = make_store(tmp_path / "store")
    add_model(store)
    return store


def list_problems(store: Store) -> list[StoreProblem]:
    """What is wrong with a store, to somebody who has not opened it before."""
    return list(check_store(Store.open(store.root)).problems)


def mode(path: str, bits: int) -> Spoil:
    return lambda root: (root / path).chmod(bits)


def remove(path: str) -> Spoil:
    return lambda root: (root / path).unlink()


def write(path: str, text: str) -> Spoil:
    return lambda root: (root / path).write_text(text)


def make_directory(path: str) -> Spoil:
    return lambda root: (root / path).mkdir(parents=True)


def configure(*arguments: str) -> Spoil:
    return lambda root: git("config", *arguments, cwd=root / MODEL)


def move_aside(root: Path) -> None:
    """The repository is elsewhere, and its name leads there."""
    (root / MODEL).rename(root.parent / "elsewhere.git")
    (root / MODEL).symlink_to(root.parent / "elsewhere.git")


def lead_nowhere(root: Path) -> None:
    (root / "hooks/post-receive").unlink()
    (root / "hooks/post-receive").symlink_to("gone")


def reserve_and_die(root: Path, process: ProcessId | None = None) -> None:
    """A push has been let in, and its git is gone."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = process or identify(child.pid)
        child.kill()
    with Store.open(root).ledger() as ledger:
        ledger.reserve("ada/digits", [], transaction="t", process=process, now=NOW)


BY_EVERYBODY, INIT, GC = "may be written by everybody", "gitstore store init", "gitstore store gc"
NOT_SET, LEFT = "is not '", "was left by a killed command"

PERMISSIONS = {
    "a root for all": Case(mode("", 0o777), ".", BY_EVERYBODY, "chmod o-w"),
    "settings for all": Case(mode("store.yaml", 0o646), "store.yaml", BY_EVERYBODY, "chmod o-w"),
    "hooks for all": Case(mode("hooks", 0o757), "hooks", BY_EVERYBODY, "chmod o-w"),
    "a hook for all": Case(mode("hooks/pre-receive", 0o757), "hooks/pre-receive", BY_EVERYBODY, "chmod o-w"),
    "keys for all": Case(mode("keys", 0o757), "keys", BY_EVERYBODY, "chmod o-w"),
    "a ledger for all": Case(mode("ledger.sqlite", 0o646), "ledger.sqlite", BY_EVERYBODY, "chmod o-w"),
    "an owner for all": Case(mode("ada", 0o757), "ada", BY_EVERYBODY, "chmod o-w"),
    "a model for all": Case(mode(MODEL, 0o757), MODEL, BY_EVERYBODY, "chmod o-w"),
    "a configuration for all": Case(
        mode(f"{MODEL}/config", 0o646), f"{MODEL}/config", BY_EVERYBODY, "chmod o-w"
    ),
}

HOOKS = {
    "a hook that is gone": Case(remove("hooks/pre-receive"), "hooks/pre-receive", "is missing", INIT),
    "a hook that leads nowhere": Case(
        lead_nowhere, "hooks/post-receive", "is missing", INIT
    ),
    "a hook of others": Case(
        write("hooks/reference-transaction", "#!/bin/sh\nexit 0\n"),
        "hooks/reference-transaction", "is not the hook that this gitstore writes", INIT,
    ),
    "a hook that does not run": Case(
        mode("hooks/post-receive", 0o644), "hooks/post-receive", "is not executable", INIT
    ),
}  # fmt: skip

SETTINGS = {
    "another value": Case(configure("core.fsync", "none"), f"{MODEL}/config", f"core.fsync {NOT_SET}", INIT),
    "other hooks": Case(
        configure("core.hooksPath", "/dev/null"), f"{MODEL}/config", f"core.hooksPath {NOT_SET}", INIT
    ),
    "no value": Case(
        configure("--unset", "receive.fsckObjects"), f"{MODEL}/config", "receive.fsckObjects is not", INIT
    ),
    "a second value": Case(
        configure("--add", "gc.auto", "6700"), f"{MODEL}/config", f"gc.auto {NOT_SET}", INIT
    ),
    "another limit in store.yaml": Case(
        write("store.yaml", "limits: {pack: 5MiB}\n"),
        f"{MODEL}/config", "receive.maxInputSize is not '5242880'", INIT,
    ),
    "no configuration": Case(remove(f"{MODEL}/config"), MODEL, "cannot be read", "backup"),
    "a configuration that is none": Case(
        write(f"{MODEL}/config", "[core"), MODEL, "cannot be read", "backup"
    ),
    "no HEAD": Case(remove(f"{MODEL}/HEAD"), f"{MODEL}/HEAD", "is missing", "backup"),
    "borrowed objects": Case(
        write(f"{MODEL}/objects/info/alternates", "/elsewhere\n"),
        f"{MODEL}/objects/info/alternates", "exists", "git repack -a -d",
    ),
    "hooks in a repository": Case(
        make_directory(f"{MODEL}/hooks"), f"{MODEL}/hooks", "git ignores it", "remove"
    ),
    "a repository elsewhere": Case(move_aside, MODEL, "is a symbolic link", "move the repository"),
}  # fmt: skip

CONFIG = {
    "an unknown key": Case(
        write("store.yaml", "owners: {}\nownerz: {}\n"), "store.yaml:2", "ownerz", "all pushes are refused"
    ),
    "no YAML": Case(write("store.yaml", "owners: ["), "store.yaml:1", "", "all pushes are refused"),
    "a file of nothing": Case(write("store.yaml", ""), "store.yaml:1", "", "all pushes are refused"),
}

LEDGER = {
    "no ledger": Case(remove("ledger.sqlite"), "ledger.sqlite", "is missing", "backup"),
    "a ledger that is none": Case(write("ledger.sqlite", "x" * 5000), "ledger.sqlite", "", ""),
    "a model of nobody": Case(
        lambda root: shutil.copytree(root / MODEL, root / "ada/copy.git"),
        "ada/copy.git", "is not in the ledger", GC,
    ),
    "a model that is gone": Case(
        lambda root: shutil.rmtree(root / MODEL), MODEL, "is gone, and still in the ledger", GC
    ),
}  # fmt: skip

LEFTOVERS = {
    "a model that was not finished": Case(
        make_directory("ada/.other.git~new-1234"), "ada/.other.git~new-1234", LEFT, GC
    ),
    "a directory at the top": Case(make_directory(".eve~new-1234"), ".eve~new-1234", LEFT, GC),
    "a quarantine": Case(
        make_directory(f"{MODEL}/objects/tmp_objdir-incoming-x"),
        f"{MODEL}/objects/tmp_objdir-incoming-x", "was left by a killed push", GC,
    ),
    "a reservation": Case(reserve_and_die, MODEL, "has a reservation of a killed push", GC),
}  # fmt: skip


def test_a_sound_store(store: Store) -> None:
    assert list_problems(store) == []
    report = check_store(store)
    assert (report.models, report.problems) == (1, ())


def test_a_new_store_has_no_models(tmp_path: Path) -> None:
    assert check_store(init_store(tmp_path / "store").store) == check_store(Store.open(tmp_path / "store"))
    assert check_store(Store.open(tmp_path / "store")).problems == ()


ALL = PERMISSIONS | HOOKS | SETTINGS | CONFIG | LEDGER | LEFTOVERS


@pytest.mark.parametrize("name", ALL)
def test_a_problem(name: str, store: Store) -> None:
    case = ALL[name]
    case.spoil(store.root)
    (problem,) = list_problems(store)
    assert problem.path == case.path
    assert case.problem in problem.problem
    assert case.remedy in problem.remedy
    assert "\n" not in str(problem)


@pytest.mark.parametrize("name", [name for name, case in ALL.items() if case.remedy == INIT])
def test_init_repairs_it(name: str, store: Store) -> None:
    """What the remedy says is so."""
    ALL[name].spoil(store.root)
    init_store(store.root)
    assert list_problems(store) == []


@pytest.mark.parametrize("name", [name for name, case in ALL.items() if case.remedy == GC])
def test_gc_repairs_it(name: str, store: Store) -> None:
    ALL[name].spoil(store.root)
    collect_store(Store.open(store.root), now=NOW)
    assert list_problems(store) == []


def test_each_model_is_checked(store: Store) -> None:
    add_model(store, "eve/fine")
    for path in (MODEL, "eve/fine.git"):
        git("config", "gc.auto", "1", cwd=store.root / path)
        git("config", "core.fsync", "none", cwd=store.root / path)
    found = [(problem.path, problem.problem.split()[0]) for problem in list_problems(store)]
    assert sorted(found) == [
        ("ada/digits.git/config", "core.fsync"), ("ada/digits.git/config", "gc.auto"),
        ("eve/fine.git/config", "core.fsync"), ("eve/fine.git/config", "gc.auto"),
    ]  # fmt: skip


def test_a_store_that_has_moved(store: Store, tmp_path: Path) -> None:
    moved = Store(store.root.rename(tmp_path / "moved"))
    (problem,) = list_problems(moved)
    assert problem.problem == f"core.hooksPath is not '{tmp_path}/moved/hooks'"


@pytest.mark.skipif(not has_power() or not hasattr(os, "chown"), reason="only root gives files away")
@pytest.mark.parametrize("path", ["store.yaml", "hooks", "hooks/pre-receive", "ledger.sqlite", MODEL])
def test_what_belongs_to_others(path: str, store: Store) -> None:
    os.chown(store.root / path, NOBODY, -1)
    (problem,) = list_problems(store)
    assert (problem.path, problem.problem) == (path, "belongs to another user than the store")
    assert problem.remedy == f"run chown {store.root.stat().st_uid} {store.root / path}"


def test_what_living_commands_hold_was_not_left(store: Store) -> None:
    """A model that somebody makes now, a push that is under way, and its quarantine."""
    making = store.root / "ada" / ".other.git~new-1234"
    making.mkdir()
    (store.root / MODEL / "objects" / "tmp_objdir-incoming-x").mkdir()
    reserve_and_die(store.root, identify(os.getpid()))
    directory = store.root / MODEL
    with (
        locks.directory(making) as is_held,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=directory) as push,
    ):
        assert is_held
        assert list_problems(store) == []
        push.kill()


def test_the_directories_of_owners_are_looked_at_without_models(store: Store) -> None:
    """The first model of an owner was killed while it was made."""
    (store.root / "eve" / ".fine.git~new-1234").mkdir(parents=True)
    (problem,) = list_problems(store)
    assert problem.path == "eve/.fine.git~new-1234"


def test_checking_changes_nothing(store: Store) -> None:
    reserve_and_die(store.root)
    git("config", "gc.auto", "1", cwd=store.root / MODEL)

    def look() -> dict[str, bytes]:
        files = (path for path in store.root.rglob("*") if path.is_file() and "sqlite" not in path.name)
        return {str(path): path.read_bytes() for path in files}

    before = look()
    with store.ledger() as ledger:
        pending = ledger.pending()
    assert list_problems(store) == list_problems(store) != []
    assert look() == before
    with store.ledger() as ledger:
        assert ledger.pending() == pending
        assert ledger.refs("ada/digits") == dict[str, Oid]()
