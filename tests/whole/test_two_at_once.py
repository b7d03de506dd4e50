"""Two commands at once both succeed, or one fails cleanly; the repository is sound either way.

All refs and files are then what they are after one command and the other, in one order or the other,
or after the one that succeeded alone.

Snapshots, saves and rebases beside their like are in test_crash and test_rebase, derived repositories in
tests/derive/test_standalone.py, all that writes beside a `git gc` in test_crash.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from gitstore.models import snapshot, state
from gitstore.models.model import Model
from gitstore.storage import gc, usage
from tests.support import combinations
from tests.support.commands import Outcome, Run
from tests.support.kills import DERIVED, ROOT, Look, fresh, is_sound, look, scene
from tests.support.processes import outcome, start

CLEAN = re.compile(r"(?!.*Traceback)(.+\n)*error: [^\n]+\n(hint: [^\n]+\n)?")

BOTH = [
    ("snapshot v3", "snapshot v1", ROOT, DERIVED),
    ("derive v1 cats ../cats", "derive v2 mice ../mice", ROOT, ROOT),
    ("restore v1", "snapshot v1", ROOT, DERIVED),
]
ONE = [
    ("rename v2 größer", "rename v2 kleiner", ROOT, ROOT),
    ("state rename b c", "state rename b d", ROOT, ROOT),
    ("state import ../source --name new", "state import ../source --name new", ROOT, ROOT),
    ("rm v2", "rename v2 größer", ROOT, ROOT),
    ("init new", "init new", ".", "."),
]
ANY = [
    ("snapshot v3", "gc", ROOT, ROOT),
    ("rm v2", "gc", ROOT, DERIVED),
    ("derive v1 cats ../cats", "gc", ROOT, ROOT),
    ("rm v2", "derive v2 cats ../cats", ROOT, ROOT),
    ("rm v2", "derive v2 cats ../cats --reference", ROOT, ROOT),
    ("rm v2", "rebase digits@v2", ROOT, DERIVED),
    ("rm v2", "rm v2", ROOT, ROOT),
    ("state rename b c", "state rm b", ROOT, ROOT),
    ("state save b", "state rm b --force", ROOT, ROOT),
    ("detach", "snapshot v1", DERIVED, DERIVED),
    ("detach", "rebase digits@v2", DERIVED, DERIVED),
    ("detach", "detach", DERIVED, DERIVED),
    ("restore v1", "restore v2", ROOT, ROOT),
    ("restore v1", "snapshot v3", ROOT, ROOT),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("template") / "scene"


@pytest.fixture
def top(template: Path, tmp_path: Path) -> Path:
    """A scene of its own for each test."""
    if not template.exists():
        scene(template)
    return fresh(template, tmp_path / "scene")


Commands = tuple[str, str, str, str]
"""Two commands, and where each of them runs."""


def at_once(template: Path, top: Path, commands: Commands, run: Run) -> list[Outcome]:
    """Start both, wait for both, and look whether all is in order."""
    one, other, here, there = commands
    processes = [start(*command.split(), cwd=top / where) for command, where in ((one, here), (other, there))]
    done = [outcome(each) for each in processes]
    _check_sound(top, done)
    reached = look(top)
    succeeded = [
        (command, where)
        for command, where, ended in zip(commands[:2], commands[2:], done, strict=True)
        if ended.code == 0
    ]
    orders = dict.fromkeys([tuple(succeeded), tuple(reversed(succeeded))])
    assert any(reached == _one_after_the_other(template, top, order, run) for order in orders), done
    return done


def _one_after_the_other(
    template: Path, top: Path, commands: Iterable[tuple[str, str]], run: Run
) -> Look | None:
    """What there is after some commands, at the very same place; `None` where one of them cannot follow."""
    shutil.rmtree(top)
    fresh(template, top)
    for command, where in commands:
        if run(*command.split(), cwd=top / where).code != 0:
            return None
    return look(top)


def _check_sound(top: Path, done: list[Outcome]) -> None:
    """Who failed did so cleanly, all objects are there, and every byte is on somebody's bill."""
    for failed in (each for each in done if each.code):
        assert failed.code in (1, 11), failed
        assert failed.stdout == "" and CLEAN.fullmatch(failed.stderr), failed
    is_sound(top)
    repository = Repository.discover(top / ROOT)
    gc.collect_garbage(repository)
    is_sound(top)
    found = usage.measure(repository)
    assert sum(holder.charged for holder in found.holders) == found.live
    for where in (ROOT, DERIVED):
        model = Model.open(top / where)
        assert len(list(state.list_states(model))) >= 1
        snapshot.read_own_snapshots(model)


@combinations.sample(2)
@pytest.mark.parametrize("commands", BOTH, ids=lambda commands: f"{commands[0]}, {commands[1]}")
def test_both_succeed(template: Path, top: Path, commands: Commands, run: Run) -> None:
    assert [each.code for each in at_once(template, top, commands, run)] == [0, 0]


@combinations.sample(3)
@pytest.mark.parametrize("commands", ONE, ids=lambda commands: f"{commands[0]}, {commands[1]}")
def test_one_of_them_succeeds(template: Path, top: Path, commands: Commands, run: Run) -> None:
    done = at_once(template, top, commands, run)
    assert [each.code for each in done].count(0) == 1, done


@combinations.sample(4)
@pytest.mark.parametrize("commands", ANY, ids=lambda commands: f"{commands[0]}, {commands[1]}")
def test_at_least_one_succeeds(template: Path, top: Path, commands: Commands, run: Run) -> None:
    done = at_once(template, top, commands, run)
    assert 0 in [each.code for each in done], done
