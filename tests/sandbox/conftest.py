"""A model that runs in a real sandbox, and the files around it that it must not reach."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gitstore.errors import GitstoreError
from gitstore.run import supervisor
from gitstore.run.workplace import Workplace
from gitstore.sandbox.choice import Confinement
from gitstore.sandbox.limits import Limits
from gitstore.settings.loading import parse

MIB = 1 << 20
SETTINGS = parse(b"""
name: boxed
types:
  create_state: []
  train: []
  evaluate:
    inputs: []
    outputs: [{name: words, types: [string], shape: [-1], required: false}]
""")

MODEL = """
import os, sys, time, errno, socket, signal, subprocess, ctypes
import numpy as np
from pathlib import Path

{top}

class Model:
    @staticmethod
    def create_state(out):
{create_state}
    def __init__(self, state):
        self.state = state
{init}
    def evaluate(self):
{evaluate}
        return {{}}
    def train(self, tracker):
{train}
    def save_state(self, out):
{save_state}
"""


@dataclass
class Box:
    """The directories of a model, and the operations on them in a sandbox."""

    root: Path
    limits: Limits = field(default_factory=lambda: Limits(512 * MIB, 32 * MIB, 1.0))
    binds: tuple[Path, ...] = ()
    network: bool = False
    devices: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code, self.state, self.out = (self.root / name for name in ("code", "state", "out"))
        for directory in (self.code, self.state, self.out):
            directory.mkdir(parents=True)

    def write(self, top: str = "", **places: str) -> None:
        """Write a model that does these statements in its methods, and nothing else."""
        names = ("create_state", "init", "evaluate", "train", "save_state")
        bodies = {
            name: textwrap.indent(textwrap.dedent(places.get(name, "pass")).strip(), " " * 8)
            for name in names
        }
        (self.code / "model.py").write_text(MODEL.format(top=textwrap.dedent(top), **bodies))

    @property
    def workplace(self) -> Workplace:
        confinement = Confinement(self.limits, self.binds, self.network, self.devices, self.variables)
        return Workplace(Path(sys.executable), confinement=confinement)

    def evaluate(self) -> list[str]:
        """The words that the model gives."""
        evaluation = supervisor.evaluate(
            code=self.code, state=self.state, settings=SETTINGS, inputs={}, workplace=self.workplace
        )
        return list(evaluation.outputs.get("words", np.array([], object)))

    def create_state(self) -> None:
        supervisor.create_state(
            code=self.code, settings=SETTINGS, params={}, out=self.out, workplace=self.workplace
        )

    def train(self) -> None:
        supervisor.train(
            code=self.code, state=self.state, settings=SETTINGS, data={}, out=self.out,
            workplace=self.workplace,
        )  # fmt: skip

    def fails(self, operation: str, error: type[GitstoreError]) -> Any:
        """Run an operation that fails in this way; gives the error."""
        with pytest.raises(error) as caught:
            getattr(self, operation)()
        assert type(caught.value) is error
        return caught.value


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "box")


def list_processes(root: Path) -> set[str]:
    """The processes that run in a sandbox of the model in `root`: they see its code."""
    found = set()
    mounted = "/".join(root.parts[-3:]) + "/code "
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_ours = b"/gitstore/" in (path / "cmdline").read_bytes()
            if is_ours and mounted in (path / "mountinfo").read_text():
                found.add(path.name)
    return found


def list_groups() -> set[str]:
    """The control groups that sandboxes have left: their guardians are gone."""
    groups: set[str] = set()
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        for name in names:
            process = name.removeprefix("gitstore-")
            if process != name and not Path("/proc", process).exists():
                groups.add(f"{folder}/{name}")
    return groups
