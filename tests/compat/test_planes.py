"""docs/format.md, "Planes": the page's own code finds the widths that we find, and any planes are read."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given

from gitstore.bigfiles.word_width import find_width
from gitstore.models.model import Model
from tests.support import combinations, numbers, page
from tests.support.commands import Run
from tests.support.content import MIB
from tests.support.stock import Stock

page_width = page.function("width")


@given(numbers.contents())
def test_the_page_s_code_finds_the_width_that_we_find(content: bytes) -> None:
    assert page_width(content) == find_width(content)


@combinations.rest
def test_the_page_s_width_is_that_of_floats() -> None:
    widths = {kind: page_width(numbers.make(kind, MIB, seed=1)) for kind in numbers.KINDS}
    assert [widths[f"float{8 * width}"] for width in (2, 4, 8)] == [2, 4, 8]
    assert (widths["bfloat16"], widths["complex64"]) == (2, 4)
    assert {widths[kind] for kind in ("text", "zeros", "noise", "int8")} == {1}


def test_planes_of_any_width_and_length_are_read(model: Model, tmp_path: Path, run: Run) -> None:
    """Another writer's widths share nothing with ours, but are no damage."""
    parts = {"00000000.2": b"aAbB", "00000001.8": b"01234567", "00000002": b"cC", "00000003.4": b"0123x"}
    Stock(model.directory).state("other", {"numbers.planes": parts})
    assert run("state", "export", "other", str(tmp_path / "out"), cwd=model.directory).code == 0
    assert (tmp_path / "out" / "numbers").read_bytes() == b"abAB01234567cC0123x"
