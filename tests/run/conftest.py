"""A model to write and run, and a watch over what a run leaves behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from gitstore.errors import OperationFailed
from gitstore.run import supervisor
from gitstore.settings.loading import parse
from tests.support import workers
from tests.support.workers import HERE

SETTINGS = parse(b"""
name: lab
types:
  create_state:
    - {name: seed, types: [i64], shape: [], required: false}
  train:
    - {name: x, types: [f32], shape: [-1], required: false}
  evaluate:
    inputs:
      - {name: x, types: [f32], shape: [-1], required: false}
      - {name: words, types: [string], shape: [-1], required: false}
      - {name: pictures, types: [image], shape: [-1], required: false}
    outputs:
      - {name: y, types: [f32, f64], shape: [-1], required: false}
      - {name: words, types: [string], shape: [-1], required: false}
      - {name: pictures, types: [image], shape: [-1], required: false}
""")


FINE = {
    "import": "pass",
    "create_state": "pass",
    "init": "pass",
    "evaluate": "return {}",
    "train": "pass",
    "save_state": "pass",
}


class Lab:
    """The directories of a model, and the operations on them."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self.scratch = root, scratch
        self.code, self.state, self.out = (root / name for name in ("code", "state", "out"))
        for directory in (self.code, self.state, self.out):
            directory.mkdir()
        self.settings = SETTINGS

    def write(
        self, source: str, *, imports: str = "import os, signal, sys, time\nimport numpy as np"
    ) -> None:
        (self.code / "model.py").write_text(imports + "\n\n" + textwrap.dedent(source))

    def write_statement(self, place: str, statement: str) -> None:
        """Write a model that is fine, but for one statement in one of the places that `FINE` names."""
        body = {**FINE, place: statement}
        self.write(f"""
            {body["import"]}
            class Model:
                @staticmethod
                def create_state(out): {body["create_state"]}
                def __init__(self, state): self.state = state; {body["init"]}
                def evaluate(self): {body["evaluate"]}
                def train(self, tracker): {body["train"]}
                def save_state(self, out): {body["save_state"]}
            """)

    def fails(self, operation: str, error: type[OperationFailed]) -> OperationFailed:
        """Run an operation that fails in this way; gives the error."""
        with pytest.raises(error) as caught:
            getattr(self, operation)()
        assert type(caught.value) is error
        return caught.value

    def limit(self, **seconds: float) -> None:
        limits = msgspec.structs.replace(self.settings.max_durations, **seconds)
        self.settings = msgspec.structs.replace(self.settings, max_durations=limits)

    def evaluate(self, **inputs: Any) -> supervisor.Evaluation:
        return supervisor.evaluate(
            code=self.code, state=self.state, settings=self.settings, inputs=inputs, workplace=HERE
        )

    def train(self, observers: supervisor.Observers | None = None, **data: Any) -> supervisor.Training:
        return supervisor.train(
            code=self.code,
            state=self.state,
            settings=self.settings,
            data=data,
            out=self.out,
            observers=observers,
            workplace=HERE,
        )

    def create_state(self, **params: Any) -> supervisor.Creation:
        return supervisor.create_state(
            code=self.code, settings=self.settings, params=params, out=self.out, workplace=HERE
        )

    def child_dies(self) -> bool:
        """Whether there was a child, which wrote to state/child, and nothing of this lab's models lives."""
        assert (self.state / "child").exists()
        return self.living() == []

    def living(self) -> list[int]:
        """The processes that this lab's models started: they have its variable, or are where workers are."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                is_there = Path(os.readlink(path / "cwd")).is_relative_to(self.scratch)
                if is_there or f"LAB={self.root}\0".encode() in (path / "environ").read_bytes():
                    found.append(int(path.name))
        return found


@pytest.fixture
def lab(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("LAB", str(tmp_path))
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return Lab(tmp_path, scratch)


@pytest.fixture
def floats() -> np.ndarray:
    return np.array([1, 2, 3], np.float32)


def children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that ended meanwhile has no children
            found.update((task / "children").read_text().split())
    return found


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Every test ends with the processes and the file descriptors that it began with."""
    workers.serving()
    before = set(os.listdir("/proc/self/fd")), children()
    yield
    assert (set(os.listdir("/proc/self/fd")), children()) == before
