"""What a failure must say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gitstore.errors import GitstoreError


@contextmanager
def fails(message: str, kind: type[GitstoreError] = GitstoreError, hint: str | None = None) -> Iterator[None]:
    """The block raises this very kind of error, with this very message, and the hint if one is given."""
    with pytest.raises(GitstoreError) as caught:
        yield
    assert (type(caught.value), caught.value.message) == (kind, message)
    assert hint is None or caught.value.hint == hint
