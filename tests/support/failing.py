"""What a failure must be, and what it must name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gitstore.errors import GitstoreError


@contextmanager
def refuses(
    *things: object, hint: object = "", kind: type[GitstoreError] = GitstoreError
) -> Iterator[pytest.ExceptionInfo[GitstoreError]]:
    """The block raises this very kind of error, which names these things, as does its hint.

    Its words are in tests/cli/golden/.
    """
    with pytest.raises(GitstoreError) as caught:
        yield caught
    assert type(caught.value) is kind
    assert names(caught.value, *things)
    assert str(hint) in (caught.value.hint or "")


def names(error: GitstoreError, *things: object) -> bool:
    """Whether the message of an error names each of these."""
    missing = [str(thing) for thing in things if str(thing) not in error.message]
    assert not missing, error.message
    return True
