"""What comes after the change that a command is for: it may fail, but the command has not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from gitstore.errors import GitstoreError

_log = logging.getLogger(__name__)


@contextmanager
def only_warn(problem: str) -> Iterator[None]:
    """Log a warning, which begins with `problem`, where the block raises `GitstoreError` or `OSError`.

    For what follows the change of a ref: whoever is told that the command failed would believe that the
    ref has not changed.
    """
    try:
        yield
    except (GitstoreError, OSError) as error:
        reason = error.message if isinstance(error, GitstoreError) else error.strerror or str(error)
        _log.warning("%s: %s", problem, reason)
