"""Protected aliases move only to snapshots of which enough is recorded in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.aliases.move import roll_back, set_alias
from gitstore.aliases.write_move import Reason
from gitstore.errors import BadSettings
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.policy.push import RefMove
from gitstore.store.aliases.gates import find_problems
from gitstore.store.config.load import parse
from gitstore.store.config.schema import StoreConfig
from gitstore.store.store import StoreModel
from tests.support import scenes
from tests.support.commands import Git, Run

CONFIG = b"""\
owners: {ada: {members: {ada: admin}}}
aliases:
  - {name: production, models: "ada/*", gate: [bench, "bench.products == current"]}
  - {name: staging}
"""


@pytest.fixture
def config() -> StoreConfig:
    return parse(CONFIG)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model.open(scenes.snapshot(tmp_path, "v1", "v2").repository.directory)


@pytest.fixture
def stored(model: Model, git: Git, tmp_path: Path) -> StoreModel:
    directory = tmp_path / "store" / "ada" / "digits.git"
    directory.parent.mkdir(parents=True)
    git("clone", "--quiet", "--mirror", str(model.directory), str(directory), cwd=tmp_path)
    return StoreModel("ada", "digits", directory)


def again(stored: StoreModel) -> StoreModel:
    """The model as the next hook sees it."""
    return StoreModel(stored.owner, stored.name, stored.directory)


def problems(model: Model, stored: StoreModel, config: StoreConfig, name: str = "production") -> list[str]:
    """What is wrong with a push of an alias as it is in the working copy's repository."""
    ref = f"refs/aliases/{name}"
    repository = again(stored).repository
    move = RefMove(ref, repository.refs.get(ref), Model.open(model.directory).repository.refs.get(ref))
    objects = Model.open(model.directory).repository.objects
    protected = config.list_protected(stored.full_name)
    found = list(find_problems(again(stored), [move], protected=protected, objects=objects))
    assert {problem.rule for problem in found} <= {"alias-gate"}
    return [problem.problem for problem in found]


def move_to(model: Model, name: str, alias: str = "production") -> None:
    set_alias(model, alias, reference.resolve(name, model.directory), reason=Reason())


def push(git: Git, model: Model, stored: StoreModel, *refs: str) -> None:
    git("push", "--quiet", str(stored.directory), *refs, cwd=model.directory)


def record(run: Run, model: Model, name: str, value: str = "1.0") -> None:
    arguments = ("evaluate", name, "-p", f"values=[{value}]", "--record", "bench")
    assert run(*arguments, cwd=model.directory).code == 0


def test_what_is_recorded_in_the_store_opens_the_gate(
    model: Model, stored: StoreModel, config: StoreConfig, run: Run, git: Git
) -> None:
    record(run, model, "v1")
    move_to(model, "v1")
    (problem,) = problems(model, stored, config)  # the record is only here
    assert "it does not meet bench: no evaluation bench was recorded" in problem
    push(git, model, stored, "refs/notes/*", "refs/records/*")
    assert problems(model, stored, config) == []
    push(git, model, stored, "refs/aliases/*")
    record(run, model, "v2", "2.0")
    push(git, model, stored, "refs/notes/*", "refs/records/*")
    move_to(model, "v2")
    (problem,) = problems(model, stored, config)
    assert "bench had other inputs" in problem


def test_a_rollback_is_let_through_but_not_a_forged_one(
    model: Model, stored: StoreModel, config: StoreConfig, git: Git
) -> None:
    for name in ("v1", "v2"):
        move_to(model, name)
    push(git, model, stored, "refs/aliases/*")
    roll_back(model, "production", Reason("slow"))
    assert problems(model, stored, config) == []
    # A first move that says it takes something back: the store's history knows nothing of it.
    git("update-ref", "-d", "refs/aliases/production", cwd=stored.directory)
    assert len(problems(model, stored, config)) == 1


def test_other_aliases_and_models_have_no_gate(model: Model, stored: StoreModel, config: StoreConfig) -> None:
    move_to(model, "v1", "staging")
    assert problems(model, stored, config, "staging") == []
    assert [alias.name for alias in config.list_protected("eve/digits")] == ["staging"]


def test_a_snapshot_that_the_store_lacks(
    model: Model, stored: StoreModel, config: StoreConfig, run: Run, git: Git
) -> None:
    assert run("snapshot", "v3", cwd=model.directory).code == 0
    move_to(model, "v3")
    assert problems(model, stored, config) == ["moves to v3, which the store does not have yet"]
    git("update-ref", "refs/aliases/production", "HEAD", cwd=model.directory)
    (problem,) = problems(model, stored, config)
    assert "is not a move of an alias" in problem


def test_a_gate_is_checked_when_the_settings_are_read() -> None:
    with pytest.raises(BadSettings, match=r"store\.yaml:3: aliases\[0\]\.gate\[0\]: 'bench >= 1' compares"):
        parse(CONFIG.replace(b"[bench,", b"['bench >= 1',"))
