"""Retrying a read before the repository is called corrupt: another process may remove refs meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository

_TIMES = 5

Result = TypeVar("Result")


def retry_while_refs_change(repository: Repository, work: Callable[[], Result]) -> Result:
    """Call `work`, which starts by reading all refs. Retry if it fails and the refs have changed meanwhile.

    An object that `work` does not find may have been removed since it read the refs. Raises what `work`
    raises.
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
