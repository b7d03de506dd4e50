"""Trees written out once, for operations to run from: read-only files, named by what they hold.

A directory here is complete and was checked object by object when it appeared, so that it can be
used as it is ever after. It can be made again: deleting the cache only costs time.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gitstore.objects import extract, stored
from gitstore.objects.files import Progress
from gitstore.objects.oid import Oid
from gitstore.objects.permissions import set_writable
from gitstore.objects.repository import Repository


def code(repository: Repository, tree: Oid) -> Path:
    """A directory with the files of a code tree."""
    return _directory(repository, tree, "code", joined=False)


def state(repository: Repository, tree: Oid, progress: Progress = lambda _: None) -> Path:
    """A directory with the files of a state, joined from their parts."""
    return _directory(repository, tree, "state", joined=True, progress=progress)


def _directory(
    repository: Repository, tree: Oid, kind: str, *, joined: bool, progress: Progress = lambda _: None
) -> Path:
    target = repository.private / "cache" / f"{kind}-{tree}"
    if target.is_dir():
        with suppress(OSError):
            os.utime(target)  # gc leaves alone what was used lately
        return target
    found = list(stored.files(repository.objects, tree, joined=joined))
    try:
        with extract.staging(target) as staging:
            extract.extract(repository.objects, found, staging, progress)
            # Directories stay writable, so that they can be deleted.
            set_writable(staging, writable=False)
    except OSError:
        if not target.is_dir():  # else another process was faster, with the same
            raise
    return target
