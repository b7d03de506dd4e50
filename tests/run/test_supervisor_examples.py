"""The examples work as they are copied, and the digits are learnt."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from gitstore.models import examples
from gitstore.run import process, supervisor
from gitstore.run.values import outputs
from gitstore.run.values.reading import read_inputs
from gitstore.settings import loading
from tests.support import workers
from tests.support.workers import HERE


class Example:
    def __init__(self, name, directory):
        self.root = directory / name
        shutil.copytree(examples.find_path(name), self.root)
        self.settings = loading.load(self.root / "settings.yaml")
        self.code = self.root / "code"

    def directory(self, name):
        path = self.root / name
        path.mkdir()
        return path

    def train(self, state, out, *assignments):
        data = read_inputs(assignments, self.settings.types.train, directory=self.root)
        return supervisor.train(
            code=self.code, state=state, settings=self.settings, data=data, out=out, workplace=HERE
        )

    def evaluate(self, state, *assignments):
        inputs = read_inputs(assignments, self.settings.types.evaluate.inputs, directory=self.root)
        return supervisor.evaluate(
            code=self.code, state=state, settings=self.settings, inputs=inputs, workplace=HERE
        ).outputs


@pytest.fixture
def digits(tmp_path):
    return Example("digits", tmp_path)


TRAIN = ("images=@data/digits.npz:train_images", "labels=@data/digits.npz:train_labels")
TEST = "images=@data/digits.npz:test_images"


def accuracy(digits, answer, classes=range(10)):
    labels = np.load(digits.root / "data" / "digits.npz")["test_labels"]
    of_classes = np.isin(labels, list(classes))
    return (answer["digit"] == labels)[of_classes].mean()


def files(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_names():
    assert examples.list_names() == ["digits", "skeleton"]
    assert all((examples.find_path(name) / "settings.yaml").is_file() for name in examples.list_names())


def test_digits_are_learnt_and_the_same_every_time(digits, monkeypatch):
    unborn, first, second = (digits.directory(name) for name in ("unborn", "first", "second"))
    training = digits.train(unborn, first, *TRAIN)
    with monkeypatch.context() as patch:
        patch.setattr(process, "launch", workers.real_launch)  # which hashes with another seed
        digits.train(unborn, second, *TRAIN)
    assert files(first) == files(second)
    assert {metric.name for metric in training.metrics} == {"loss"}
    assert training.metrics[-1].value < training.metrics[0].value / 10
    answer = digits.evaluate(first, TEST)
    assert accuracy(digits, answer) > 0.95
    again = digits.evaluate(first, TEST)
    assert {name: array.tobytes() for name, array in answer.items()} == {
        name: array.tobytes() for name, array in again.items()
    }
    check_the_score_script(digits, answer)


def test_digits_starts_from_a_created_state_as_from_none(digits):
    unborn, seed0, seed1 = (digits.directory(name) for name in ("unborn", "seed0", "seed1"))
    for seed, out in [(0, seed0), (1, seed1)]:
        params = read_inputs([f"seed={seed}"], digits.settings.types.create_state)
        supervisor.create_state(
            code=digits.code, settings=digits.settings, params=params, out=out, workplace=HERE
        )
    assert files(seed0) != files(seed1)
    one, two = digits.evaluate(unborn, TEST), digits.evaluate(seed0, TEST)
    assert one["probability"].tobytes() == two["probability"].tobytes()
    assert accuracy(digits, one) < 0.5


def test_digits_trained_on_some_classes(digits):
    unborn, out = digits.directory("unborn"), digits.directory("out")
    training = digits.train(unborn, out, *TRAIN, "classes=[0,1,2]", "epochs=10")
    assert len(training.metrics) == 10
    answer = digits.evaluate(out, TEST)
    assert accuracy(digits, answer, range(3)) > 0.95
    assert set(answer["digit"]) <= {0, 1, 2}


def check_the_score_script(digits, answer):
    (path, _) = outputs.write(answer, digits.root / "out")
    score = subprocess.run(
        [sys.executable, "data/score.py", path.relative_to(digits.root)],
        cwd=digits.root,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = score.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [*"0123456789", "total"]
    right = round(accuracy(digits, answer) * 360)
    assert lines[-1] == f"total  {right / 360:6.1%}  ({right} of 360)"


def test_the_data_is_what_its_readme_says(digits):
    assert (digits.root / "data" / "digits.npz").stat().st_size < 100_000
    with np.load(digits.root / "data" / "digits.npz") as data:
        shapes = {name: (data[name].dtype, data[name].shape) for name in data.files}
        assert max(data["train_images"].max(), data["test_images"].max()) == 16
    assert shapes == {
        "train_images": (np.uint8, (1437, 64)),
        "train_labels": (np.uint8, (1437,)),
        "test_images": (np.uint8, (360, 64)),
        "test_labels": (np.uint8, (360,)),
    }


def test_the_skeleton(tmp_path):
    skeleton = Example("skeleton", tmp_path)
    unborn, created, out = (skeleton.directory(name) for name in ("unborn", "created", "out"))
    supervisor.create_state(
        code=skeleton.code, settings=skeleton.settings, params={}, out=created, workplace=HERE
    )
    for state in (unborn, created):
        assert skeleton.evaluate(state, "values=[1, 2]")["scaled"].tolist() == [1, 2]
    skeleton.train(created, out, "values=[1, 3]")
    assert skeleton.evaluate(out, "values=[1, 2, 3]")["scaled"].tolist() == [-1, 0, 1]
