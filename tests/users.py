"""Running the tests that meet permissions as an ordinary user, and with a umask that shuts everybody out.

`make users` runs this; it is part of `make check`. Root may read and write everything, so that a run as root
shows nothing of what an ordinary user is refused.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.users import NOBODY

_ROOT = Path(__file__).parents[1]

_POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
"""Starts a program as root whom permissions hold back like everybody (capabilities(7))."""

_TESTS = (
    "packs/test_writer.py", "staging/test_stage.py", "snapshots/test_take.py", "models/test_init.py",
    "whole/test_reading_only.py", "cli/test_snapshots.py",
)  # fmt: skip
"""Tests of what makes files and directories, and of what may not."""

_SANDBOX_TESTS = ("sandbox/test_view_escapes.py", "sandbox/test_results.py")
"""Tests of the sandbox, which root without its powers cannot have."""


def main() -> int:
    """Run them in each way that there is; returns the worst exit code."""
    worst = _run("with umask 077", umask=0o077)
    if os.geteuid() == 0:
        worst = max(worst, _run_as_ordinary_user())
    return worst


def _run_as_ordinary_user() -> int:
    """Run them as nobody in particular; if nobody cannot start our Python, as root without its powers."""
    who: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if _can_start([], **who):
        return _run("as an ordinary user", **who)
    if shutil.which("setpriv") and _can_start(_POWERLESS):
        return _run("as root without its powers", _POWERLESS)
    print("Nobody but root can start this Python, and setpriv is not there: no run as an ordinary user.")
    return 0


def _can_start(prefix: Sequence[str], **who: Any) -> bool:
    command = [*prefix, sys.executable, "-c", "import gitstore.cli.main, pytest"]
    try:
        return subprocess.run(command, cwd=_ROOT, capture_output=True, check=False, **who).returncode == 0
    except PermissionError:
        return False


def _run(how: str, prefix: Sequence[str] = (), **options: Any) -> int:
    print(f"\nTests {how}", flush=True)
    with tempfile.TemporaryDirectory(prefix="gitstore-users-") as room:
        if "user" in options:
            os.chown(room, options["user"], options["group"])
        variables = {**os.environ, "TMPDIR": room, "HOME": room, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [*prefix, sys.executable, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider"]
        tests = [str(Path("tests", test)) for test in (*_TESTS, *(() if prefix else _SANDBOX_TESTS))]
        return subprocess.run([*command, *tests], cwd=_ROOT, env=variables, check=False, **options).returncode


if __name__ == "__main__":
    sys.exit(main())
