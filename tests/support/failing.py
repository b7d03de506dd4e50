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


@contextmanager
def refuses(*things: object, hint: object = "", kind: type[GitstoreError] = GitstoreError) -> Iterator[None]:
    """The block raises this very kind of error, which names these things, as does its hint.

    Its words are in tests/cli/golden/.
    """
    with pytest.raises(GitstoreError) as caught:
        yield
    assert type(caught.value) is kind
    assert names(caught.value, *things)
    assert str(hint) in (caught.value.hint or "")


def names(error: GitstoreError, *things: object) -> bool:
    """Whether the message of an error names each of these."""
    missing = [str(thing) for thing in things if str(thing) not in error.message]
    assert not missing, error.message
    return True
