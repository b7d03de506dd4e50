"""What a process asks of the kernel, and in which order."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


def system_calls(script: str, *names: str, below: Path) -> list[tuple[str, str]]:
    """The calls with these names that a Python script, or git for it, makes on paths below a directory.

    Each comes with the last path it names, relative to the directory. Skips the test where there is
    no strace, or where it may not trace.
    """
    environment = {name: value for name, value in os.environ.items() if name != "GIT_TEST_FSYNC"}
    command = ["strace", "-f", "-y", "-e", f"trace={','.join(names)}", sys.executable, "-c"]
    try:
        subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("strace is not installed, or may not trace")
    done = subprocess.run(
        [*command, textwrap.dedent(script)],
        cwd=_ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = []
    for line in done.stderr.splitlines():
        name = next((name for name in names if f"{name}(" in line), None)
        if name is not None and str(below) in line:
            path = line.split(str(below))[-1].split(">")[0].split('"')[0]
            found.append((name, path.lstrip("/")))
    return found
