"""Charts of metrics, as text, SVG and PNG."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from gitstore.cli.render.records import charts
from gitstore.models.model import Model
from tests.support.commands import Run
from tests.support.failing import refuses
from tests.support.training import code, train

NAMESPACE = "{http://www.w3.org/2000/svg}"
FALLING = [(float(i), 1 / (i + 1)) for i in range(5000)]


def test_text() -> None:
    lines = charts.draw_text([8, 4, 2, 1, math.nan, 8])
    assert lines == ["8 █    █", "  █    █", "  █    █", "  █▅   █", "  ██   █", "1 ███▁ █"]


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]])
def test_nothing_to_draw(values: list[float], tmp_path: Path) -> None:
    assert charts.draw_text(values) == []
    charts.write(tmp_path / "loss.svg", {"loss": [(0.0, value) for value in values]})
    assert ET.parse(tmp_path / "loss.svg").getroot().tag == f"{NAMESPACE}svg"


def test_many_values_are_thinned() -> None:
    assert {len(line) for line in charts.draw_text([float(i) for i in range(1000)])} <= set(range(70))
    assert charts.draw_text([1.0] * 3)[0].startswith("1")


def test_svg(tmp_path: Path) -> None:
    charts.write(tmp_path / "loss.svg", {"<loss> & \x1b[31m": FALLING, "b": [(0.0, 1.0)]})
    root = ET.parse(tmp_path / "loss.svg").getroot()
    texts = [text.text for text in root.iter(f"{NAMESPACE}text")]
    assert texts[0] == "<loss> & \\x1b[31m"
    assert {"1", "0.0002", "4999 s"} <= set(texts)
    lines = [line.attrib["points"].split() for line in root.iter(f"{NAMESPACE}polyline")]
    assert [len(points) for points in lines] == [3, charts.MOST_POINTS, 3, 1]
    assert int(root.attrib["height"]) == 2 * charts.PANEL


def test_png(tmp_path: Path) -> None:
    charts.write(tmp_path / "loss.png", {"loss": FALLING})
    with Image.open(tmp_path / "loss.png") as image:
        assert image.size == (charts.WIDTH, charts.PANEL)
        colours = image.getcolors(1 << 20)
    assert colours is not None
    assert any(colour == (0x1F, 0x6F, 0xEB) for _, colour in colours)


def test_png_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with refuses("Pillow is not installed", hint="gitstore[media]"):
        charts.write(tmp_path / "loss.png", {"loss": FALLING})
    assert not (tmp_path / "loss.png").exists()


def test_the_command_draws_what_was_recorded(model: Model, run: Run) -> None:
    loop = "for i in range(9): tracker.metric('loss', 1 / (i + 1)); tracker.metric('x', i)"
    code(model, "train", f"{loop}\n        return")
    train(model, "values=[1]", name="first")
    outcome = run("state", "show", "first", "--plot", "loss.svg", "--metric", "loss", cwd=model.directory)
    assert outcome.code == 0
    assert "▁" in outcome.stdout
    texts = ET.parse(model.directory / "loss.svg").getroot().iter(f"{NAMESPACE}text")
    assert [text.text for text in texts][:3] == ["loss", "1", "0.1111"]
