"""How many examples hypothesis takes where each takes long."""

from __future__ import annotations

from hypothesis import settings


def examples(few: int) -> int:
    """So few in a test run, and a tenth of what --examples says if that is given."""
    return few if settings.get_current_profile_name() == "repeatable" else settings().max_examples // 10
