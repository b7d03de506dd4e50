"""How settings are shown: whether they are valid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def check_json(problems: Sequence[str]) -> dict[str, Any]:
    """Whether settings are valid, and a line for each problem."""
    return {"ok": not problems, "problems": list(problems)}
