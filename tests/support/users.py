"""Acting as an ordinary user, where the tests run as root: permissions do not hold root back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


def give_away(directory: Path) -> None:
    """Let everything below a directory belong to nobody in particular, and let everybody reach it."""
    if os.geteuid() != 0:
        return  # it is that user's already
    for folder, folders, names in os.walk(directory):
        for name in (".", *folders, *names):
            os.chown(Path(folder, name), NOBODY, NOBODY, follow_symlinks=False)
    for parent in directory.parents:
        mode = parent.stat().st_mode
        if parent.stat().st_uid == os.geteuid() and not mode & 0o001:
            parent.chmod(mode | 0o055)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """This process, and what it starts, is an ordinary user's within the block."""
    if os.geteuid() != 0:
        yield
        return
    if not hasattr(os, "seteuid"):
        pytest.skip("root cannot become another user here")
    group = os.getegid()
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
