"""docs/format.md, "Parts": the page's own code cuts where we do, and stock git stores the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gitstore.bigfiles.parts import LARGE
from gitstore.models.model import Model
from gitstore.states.save import save_state
from tests.support.commands import Run
from tests.support.models import put
from tests.support.stock import Stock

PAGE = Path(__file__).parents[2] / "docs" / "format.md"

NUMBERS = "".join(f"{number}\n" for number in range(1, 620_000)).encode() + b"."
"""A file that is just large enough to be in parts, and has an odd length."""


def parts_by_the_page(content: bytes) -> list[bytes]:
    (source,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    scope: dict[str, Any] = {}
    exec(source, scope)
    found = []
    while content:
        end = scope["next_part"](content)
        found.append(content[:end])
        content = content[end:]
    return found


def test_stock_git_and_the_page_s_code_write_the_tree_that_we_write(model: Model) -> None:
    assert len(NUMBERS) >= LARGE and len(NUMBERS) % 2
    parts = parts_by_the_page(NUMBERS)
    assert len(parts) > 3
    stock = Stock(model.directory)
    by_hand = stock.tree({"numbers.parts": {f"{number:08}": part for number, part in enumerate(parts)}})
    put(model, "numbers", {"numbers": NUMBERS})
    save_state(model, "numbers")
    assert stock.git("rev-parse", "refs/states/numbers^{tree}") == by_hand


def test_parts_of_any_length_are_read(model: Model, tmp_path: Path, run: Run) -> None:
    """Another writer's cuts share nothing with ours, but are no damage."""
    parts = {f"{number:08}": NUMBERS[at : at + 700_001] for number, at in enumerate(range(0, LARGE, 700_001))}
    Stock(model.directory).state("other", {"numbers.parts": parts})
    assert run("state", "export", "other", str(tmp_path / "out"), cwd=model.directory).code == 0
    assert (tmp_path / "out" / "numbers").read_bytes() == b"".join(parts.values())
