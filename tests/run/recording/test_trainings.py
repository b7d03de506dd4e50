"""Records of trainings: what they say, and what becomes of them."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gitstore
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.records import trainings
from gitstore.records.record import BaseState, Code, TrainingRecord
from gitstore.run.recording.trainings import open_metrics
from gitstore.states import rename
from gitstore.states.remove import remove
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from gitstore.storage.gc import collect_garbage
from tests.support.commands import Fsck, Git
from tests.support.models import again, take, user_conditions
from tests.support.training import code, train

NOTES = trainings.NOTES


REPORT = """\
for i in range(3):
            tracker.metric("loss, 1", 1 / (i + 1))
        tracker.metric("nan", float("nan"))
        return"""


@pytest.fixture
def nothing_is_left() -> None:
    """Repositories are open here, which close when they are collected as garbage."""


def find(model: Model, name: str) -> TrainingRecord:
    tree = state.find_saved_tree(model, name)
    assert tree is not None
    record = trainings.find_record(model.repository, tree, name)
    assert record is not None
    return record


def as_git_shows_it(git: Git, model: Model, revision: str) -> Any:
    shown = git("notes", "--ref=trainings", "show", revision, cwd=model.directory)
    return json.loads(shown)


def test_what_it_says(model: Model, git: Git, fsck: Fsck) -> None:
    train(model, "values=[1, 2]", name="first")
    record = as_git_shows_it(git, model, "refs/states/first^{tree}")
    content = io.BytesIO()
    np.save(content, np.array([1.0, 2.0]))
    assert record["data"] == [
        {
            "name": "values",
            "type": "f64",
            "shape": [2],
            "size": len(content.getvalue()),
            "sha256": hashlib.sha256(content.getvalue()).hexdigest(),
        }
    ]
    assert record["metrics"] == [
        {"name": "factor", "count": 1, "first": 4.0, "last": 4.0, "lowest": 4.0, "highest": 4.0}
    ]
    head = git("rev-parse", "HEAD", "HEAD:code", cwd=model.directory).split()
    assert record["code"] == {"differs": False, "commit": head[0], "tree": head[1]}
    assert record["base"]["name"] == "initial"
    assert (record["name"], record["model"], record["parameters"]) == ("first", "digits", {})
    circumstances = record["circumstances"]
    assert circumstances["user"] == "Ada Lovelace <ada@example.org>"
    assert circumstances["date"] == "2023-11-14T22:13:20Z"
    assert {"code_startup", "instantiate_model", "train", "total"} <= circumstances["durations"].keys()
    assert circumstances["environment"]["python"].startswith("3.")
    assert circumstances["peak_memory"] > 1 << 20
    assert "sandbox" not in circumstances or circumstances["sandbox"]
    fsck(model.repository)


def test_the_base_is_the_tree_on_disk(model: Model) -> None:
    train(model, "values=[1]", name="first")
    base = find(model, "first").base
    assert isinstance(base, BaseState)
    assert base.tree == str(save_state(model, "initial").tree)


def test_scalars_are_parameters(model: Model) -> None:
    path = model.directory / "settings.yaml"
    old, new = "train:\n", "train:\n    - {name: rate, types: [f64], shape: []}\n"
    path.write_text(path.read_text().replace(old, new))
    source = model.directory / "code" / "model.py"
    source.write_text(source.read_text().replace("tracker, values", "tracker, values, rate"))
    train(again(model), "values=[1]", "rate=0.1", name="first")
    record = find(model, "first")
    assert record.parameters == {"rate": 0.1}
    assert [value.name for value in record.data] == ["values"]
    assert isinstance(record.code, Code)
    assert record.code.differs


def test_all_metrics(model: Model, git: Git) -> None:
    code(model, "train", REPORT)
    train(model, "values=[1]", name="first")
    record = find(model, "first")
    with open_metrics(model, record, user_conditions()) as metrics:
        assert [(metric.name, metric.value) for metric in metrics[:3]] == [
            ("loss, 1", 1.0),
            ("loss, 1", 0.5),
            ("loss, 1", 1 / 3),
        ]
        assert metrics[3].value != metrics[3].value
    series = {entry.name: entry for entry in record.metrics}
    assert series["loss, 1"].lowest == 1 / 3
    assert series["nan"].count == 1
    assert {"name": "nan", "count": 1} in as_git_shows_it(git, model, "refs/states/first^{tree}")["metrics"]


def test_no_metrics_have_no_files(model: Model, git: Git) -> None:
    code(model, "train", "return")
    train(model, "values=[1]", name="first")
    assert git("for-each-ref", "refs/records", cwd=model.directory) == ""
    with open_metrics(model, find(model, "first"), user_conditions()) as metrics:
        assert metrics == []


def test_it_follows_the_state(model: Model, git: Git, tmp_path: Path) -> None:
    """Under another name, in a snapshot, in a derived model, in a mirror, saved again."""
    train(model, "values=[1]", name="first")
    use_state(model, "first")
    rename.rename(model, "first", "best")
    assert find(model, "best").name == "first"
    take(model, "v1")
    assert as_git_shows_it(git, model, "v1:state")["name"] == "first"
    derived = gitstore.open(model.directory).snapshot("v1").derive("dogs")
    assert find(Model.open(derived.directory), "initial").name == "first"
    git("clone", "--quiet", "--mirror", str(model.directory), "mirror", cwd=tmp_path)
    mirror = Model.open(tmp_path / "mirror")
    assert find(mirror, "best").name == "first"
    with open_metrics(mirror, find(mirror, "best"), user_conditions()) as metrics:
        assert len(metrics) == 1


def test_it_goes_to_a_model_in_a_repository_of_its_own(model: Model, tmp_path: Path, fsck: Fsck) -> None:
    train(model, "values=[1]", name="first")
    use_state(model, "first")
    take(model, "v1")
    snapshot = gitstore.open(model.directory).snapshot("v1")
    derived = Model.open(snapshot.derive("dogs", tmp_path / "dogs", reference=True).directory)
    assert find(derived, "initial") == find(model, "first")
    with open_metrics(derived, find(derived, "initial"), user_conditions()) as metrics:
        assert len(metrics) == 1
    fsck(derived.repository)


def test_it_goes_with_the_last_that_holds_the_state(model: Model, git: Git, fsck: Fsck) -> None:
    train(model, "values=[1]", name="first")
    use_state(model, "first")
    take(model, "v1")
    remove(again(model), ["first"], force=True)
    collect_garbage(model.repository)
    assert len(git("for-each-ref", "refs/records", cwd=model.directory).splitlines()) == 1
    git("tag", "-d", "v1", cwd=model.directory)
    collect_garbage(again(model).repository, prune_vanished=True)
    assert git("for-each-ref", "refs/records", cwd=model.directory) == ""
    fsck(model.repository)


def test_two_trainings_with_the_same_result(model: Model) -> None:
    train(model, "values=[1]", name="first")
    train(model, "values=[1]", name="second")
    assert state.find_saved_tree(model, "first") == state.find_saved_tree(model, "second")
    assert [find(model, name).name for name in ("first", "second")] == ["first", "second"]


def test_a_record_that_cannot_be_kept_is_a_warning(
    model: Model, git: Git, caplog: pytest.LogCaptureFixture
) -> None:
    blob = git("hash-object", "-w", "--stdin", cwd=model.directory, stdin=b"x").strip()
    git("update-ref", NOTES, blob, cwd=model.directory)
    train(model, "values=[1]", name="first")
    assert state.find_saved_tree(model, "first") is not None
    assert "how it was trained was not recorded" in caplog.text


def test_other_lines_of_the_note_are_left_alone(model: Model, git: Git) -> None:
    train(model, "values=[1]", name="first")
    tree = git("rev-parse", "refs/states/first^{tree}", cwd=model.directory).strip()
    lines = ["by hand", '{"record": "EvaluationRecord"}', "{", "[" * 10_000, '{"record": "TrainingRecord"}']
    git("notes", "--ref=trainings", "append", "-m", "\n".join(lines), tree, cwd=model.directory)
    assert find(model, "first").name == "first"
    train(model, "values=[1]", name="second")
    shown = git("notes", "--ref=trainings", "show", tree, cwd=model.directory).splitlines()
    assert set(lines) <= set(shown)
