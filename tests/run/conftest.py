"""A model to write and run, and a watch over what a run leaves behind."""

from __future__ import annotations

import contextlib
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from gitstore.run import supervisor
from gitstore.settings.loading import parse

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


class Lab:
    """The directories of a model, and the operations on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.code, self.state, self.out = (root / name for name in ("code", "state", "out"))
        for directory in (self.code, self.state, self.out):
            directory.mkdir()
        self.settings = SETTINGS

    def write(
        self, source: str, *, imports: str = "import os, signal, sys, time\nimport numpy as np"
    ) -> None:
        (self.code / "model.py").write_text(imports + "\n\n" + textwrap.dedent(source))

    def limit(self, **seconds: float) -> None:
        limits = msgspec.structs.replace(self.settings.max_durations, **seconds)
        self.settings = msgspec.structs.replace(self.settings, max_durations=limits)

    def evaluate(self, **inputs: Any) -> supervisor.Evaluation:
        return supervisor.evaluate(code=self.code, state=self.state, settings=self.settings, inputs=inputs)

    def train(self, observers: supervisor.Observers | None = None, **data: Any) -> supervisor.Training:
        return supervisor.train(
            code=self.code,
            state=self.state,
            settings=self.settings,
            data=data,
            out=self.out,
            observers=observers,
        )

    def create_state(self, **params: Any) -> supervisor.Creation:
        return supervisor.create_state(code=self.code, settings=self.settings, params=params, out=self.out)

    def child_dies(self) -> bool:
        """Whether there was a child, which wrote to state/child, and nothing of this lab's models lives."""
        assert (self.state / "child").exists()
        return self.living() == []

    def living(self) -> list[int]:
        """The processes that have this lab in their environment, as all have that its models started."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"LAB={self.root}\0".encode() in (path / "environ").read_bytes():
                    found.append(int(path.name))
        return found


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("LAB", str(tmp_path))
    return Lab(tmp_path)


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
    before = set(os.listdir("/proc/self/fd")), children()
    yield
    assert (set(os.listdir("/proc/self/fd")), children()) == before
