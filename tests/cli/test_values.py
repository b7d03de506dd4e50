"""Values of every kind from the command line, to models of both kinds, and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gitstore.models.model import Model
from tests.support import combinations
from tests.support.commands import Run

SETTINGS = """
name: digits
types:
  create_state:
    - {name: start, types: [i64], shape: []}
  evaluate:
    inputs:
      - {name: images, types: [u8], shape: [-1, -1, -1, 3], ragged: true, required: false}
      - {name: words, types: [string], shape: [-1], required: false}
      - {name: sure, types: [bool], shape: [], required: false}
      - {name: files, types: [image], shape: [-1], required: false}
      - {name: table, types: [f32], shape: [-1, 2], required: false}
    outputs:
      - {name: images, types: [u8], shape: [-1, -1, -1, 3], ragged: true, required: false}
      - {name: words, types: [string], shape: [-1], required: false}
      - {name: sure, types: [bool], shape: [], required: false}
      - {name: files, types: [image], shape: [-1], required: false}
      - {name: table, types: [f32], shape: [-1, 2], required: false}
"""

ECHO = """
class Model:
    def __init__(self, state): pass
    def evaluate(self, **values):
        return values
"""

DECTHINGS = """
from decthings_model import make_model

class Program:
    async def createModelState(self, options):
        (start,) = await options.params["start"].next()
        options.state_provider.provide("start", str(start.item()).encode())

    async def instantiateModel(self, options):
        self.start = await options.state["start"].read()
        return self

    async def evaluate(self, options):
        assert self.start == b"7"
        params = options.params.items()
        return [{"name": name, "data": await loader.next(loader.size())} for name, loader in params]

model = make_model(Program())
"""


@pytest.fixture
def here(model: Model) -> Path:
    directory = model.directory
    (directory / "settings.yaml").write_text(SETTINGS)
    data = directory / "states" / "data"
    data.mkdir()
    Image.new("RGB", (2, 1), (1, 2, 3)).save(data / "a.png")
    Image.new("RGB", (1, 3), (4, 5, 6)).save(data / "b.png")
    np.savez(data / "t.npz", table=np.ones((3, 2), np.float32))
    return directory


INPUTS = ("images=@states/data/*.png", 'words=["a", "é"]', "sure=true", "table=@states/data/t.npz:table")
ARGUMENTS = [argument for text in (*INPUTS, "files=@states/data/*.png") for argument in ("-p", text)]


def check(outputs: dict[str, object]) -> None:
    assert outputs["images"] == [[[[1, 2, 3], [1, 2, 3]]], [[[4, 5, 6]], [[4, 5, 6]], [[4, 5, 6]]]]
    assert outputs["words"] == ["a", "é"]
    assert outputs["sure"] is True
    assert outputs["table"] == [[1, 1]] * 3


@combinations.sample(2)
@pytest.mark.parametrize("kind", ["model.py", "main.py"])
def test_both_kinds_of_models(run: Run, here: Path, kind: str) -> None:
    (here / "code" / "model.py").unlink()
    (here / "code" / kind).write_text(ECHO if kind == "model.py" else DECTHINGS)
    if kind == "main.py":
        assert run("state", "create", "first", "-p", "start=7", "--json", cwd=here).code == 0
        assert run("state", "use", "first", cwd=here).code == 0
    assert run("snapshot", "v1", cwd=here).code == 0
    outcome = run("evaluate", "v1", *ARGUMENTS, cwd=here)
    assert outcome.code == 0, outcome
    check(json.loads(outcome.stdout))
    outcome = run("evaluate", *ARGUMENTS, "--out", "out", cwd=here)
    assert outcome.code == 0, outcome
    names = [
        "files-0.png",
        "files-1.png",
        "images-0.npy",
        "images-1.npy",
        "sure.npy",
        "table.npy",
        "words.npy",
    ]
    assert sorted(path.name for path in (here / "out").iterdir()) == names
    for number, name in enumerate(("a.png", "b.png")):
        written = here / "out" / f"files-{number}.png"
        assert written.read_bytes() == (here / "states" / "data" / name).read_bytes()


def test_problems_are_one_line_each(run: Run, here: Path) -> None:
    inputs = ["images=[1]", "sure=3", "table=@states/data/none.png", "words=@states/data/a.png"]
    outcome = run("evaluate", *(argument for text in inputs for argument in ("-p", text)), cwd=here)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert outcome.stderr.splitlines() == [
        "error: sure: 3 does not fit bool",
        "error: table: states/data/none.png: No such file or directory",
        "error: words: states/data/a.png: an image is decoded as u8, f32, f64, f16, or taken as bytes, but"
        " not as string",
        "error: images: shape is (1,), but settings.yaml asks for (-1, -1, -1, 3)",
    ]
