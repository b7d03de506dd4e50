"""The code of docs/format.md, block by block."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "format.md"


def source_of(name: str) -> str:
    """Return the one block of Python on the page that defines this function."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (source,) = [block for block in blocks if re.search(rf"^def {name}\(", block, re.MULTILINE)]
    return str(source)


def function(name: str) -> Any:
    """Return a function as the page defines it."""
    scope: dict[str, Any] = {}
    exec(source_of(name), scope)
    return scope[name]
