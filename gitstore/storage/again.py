"""Looking again before a repository is called corrupt: another process may remove and collect meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository

_TIMES = 5

Result = TypeVar("Result")


def while_refs_change(repository: Repository, work: Callable[[], Result]) -> Result:
    """Do work that begins with a look at all refs; again if it fails and they have changed meanwhile.

    What it did not find may have been removed since that look. Raises what the work raises.
    """
    for _ in range(_TIMES):
        before = repository.refs.list_below("refs/").refs
        try:
            return work()
        except Corrupt:
            if repository.refs.list_below("refs/").refs == before:
                raise
            repository.objects.refresh()
    return work()
