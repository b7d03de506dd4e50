"""Limits of this process, for a while."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limit(kind: int, most: int) -> Iterator[None]:
    """A limit of resource.setrlimit, in the block; that of the size of files stands for a full disk."""
    was = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, was[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, was)
