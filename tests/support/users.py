"""Acting as an ordinary user, where the tests run as root: permissions do not hold root back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534

_OVERRIDES = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, capabilities(7)."""


def has_power() -> bool:
    """Whether this process may read and write whatever permissions say, as root may by default."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return os.geteuid() == 0
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) & _OVERRIDES)


def require_permissions() -> None:
    """Skip the test where permissions do not hold this process back."""
    if has_power():
        pytest.skip("root reads and writes everything; make users runs this without its powers")


def give_away(directory: Path) -> None:
    """Let everything below a directory belong to nobody in particular, and let everybody reach it."""
    if os.geteuid() != 0 or not has_power():
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
    if os.geteuid() != 0 or not has_power():
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
