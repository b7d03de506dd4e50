from __future__ import annotations

import pytest

from tests.support.all_settings import ALL_KEYS


@pytest.fixture
def example() -> bytes:
    """The example of the design, all keys in it."""
    return ALL_KEYS.encode()
