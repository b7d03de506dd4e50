"""What a process asks of the kernel, and in which order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def list_git_commands(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The commands of git that start in the block, also those that another git starts, in order.

    They are in the list when the block is over. git traces into the file, api-trace2.
    """
    commands = list[str]()
    with monkeypatch.context() as patch:
        patch.setenv("GIT_TRACE2_EVENT", str(file))
        yield commands
    events = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
    commands += [event["name"] for event in events if event["event"] == "cmd_name"]
    file.unlink(missing_ok=True)
