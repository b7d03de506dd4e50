"""docs/format.md, "Cuts by content": the page's own code cuts as we do, and stock git stores the parts."""

from __future__ import annotations

from gitstore.bigfiles.parts import LARGE
from gitstore.models.model import Model
from gitstore.states.save import save_state
from tests.support import page, second_writer
from tests.support.content import numbers
from tests.support.models import put
from tests.support.stock import Stock


def parts_by_the_page(content: bytes) -> list[bytes]:
    next_part = page.function("next_part")
    parts = []
    while content:
        end = next_part(content)
        parts.append(content[:end])
        content = content[end:]
    return parts


def test_stock_git_and_the_page_s_code_write_the_tree_that_we_write(model: Model) -> None:
    content = numbers()
    assert len(content) >= LARGE and len(content) % 2
    parts = parts_by_the_page(content)
    assert len(parts) > 3
    assert list(second_writer.cut_by_content(content)) == parts
    stock = Stock(model.directory)
    by_hand = stock.tree({"numbers.parts": {f"{number:08}": part for number, part in enumerate(parts)}})
    put(model, "numbers", {"numbers": content})
    save_state(model, "numbers")
    assert stock.git("rev-parse", "refs/states/numbers^{tree}") == by_hand
