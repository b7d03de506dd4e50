"""Making one system call of a command fail, or killing the command at it, with strace(1).

A command is traced once to list its calls: those of gitstore's main thread, and those of every git that
it starts. A `Fault` names one of them. strace counts calls for each process, so the same number meets the
same call again when the command runs in another copy of the same scene.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.commands import Outcome
from tests.support.processes import GITSTORE, outcome, start

CHANGES = (
    "write", "pwrite64", "pwritev", "copy_file_range", "ftruncate", "fallocate",
    "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat",
    "mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "fsync", "fdatasync",
)  # fmt: skip
"""Calls that change files, or make a change durable."""

READS = ("openat", "read", "pread64", "getdents64")
"""Calls that can fail where files are only looked at. openat makes files, too."""

KILL = "signal=KILL"
ERRORS = ("ENOSPC", "EIO")

_RANDOM = re.compile(r"~new-\w+")
_LINE = re.compile(r"(?:(?P<process>\d+) +)?(?P<call>\w+)\((?P<arguments>.*)")

# Each git that a command starts gets a number. strace runs those that are to be listed, or to fail.
_SHIM = """\
#!/bin/sh
read -r number < "$FAULTS_DIRECTORY/count"
number=$((number + 1))
echo $number > "$FAULTS_DIRECTORY/count"
echo "$*" > "$FAULTS_DIRECTORY/$number.command"
OPTIONS="-f --seccomp-bpf -e signal=none"
if [ -n "$FAULTS_LIST" ]; then
    log="$FAULTS_DIRECTORY/$number.calls"
    exec strace $OPTIONS -y -s 512 -o "$log" -e trace="$FAULTS_LIST" @GIT@ "$@"
elif [ "$FAULTS_GIT" = $number ]; then
    exec strace $OPTIONS -o /dev/null -e trace="$FAULTS_CALL" -e inject="$FAULTS_INJECT" @GIT@ "$@"
fi
exec @GIT@ "$@"
"""


class Call(NamedTuple):
    """One system call, the `number`-th of its name: in gitstore if `git` is 0, else in the `git`-th git.

    `command` is what that git was asked to do, and `path` the last path that the call names.
    """

    git: int
    command: str
    name: str
    number: int
    path: str
    is_reading: bool

    def __str__(self) -> str:
        where = f"git {self.command}" if self.git else "gitstore"
        return f"{where}: {self.name} {self.number} on {self.path}"


class Fault(NamedTuple):
    """A call, and what happens to it: `KILL`, or the name of an error."""

    call: Call
    effect: str

    def __str__(self) -> str:
        return f"{self.call}: {self.effect}"

    @property
    def injection(self) -> str:
        """The fault as strace(1) takes it."""
        effect = self.effect if self.effect == KILL else f"error={self.effect}"
        return f"{self.call.name}:{effect}:when={self.call.number}"


def require_strace() -> None:
    """Skip the test where there is no strace, or where it may not trace."""
    try:
        subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("strace is not installed, or may not trace")


def calls(*arguments: str, cwd: Path, below: Path, room: Path, names: Iterable[str]) -> list[Call]:
    """Run gitstore, and list its calls of some names on files below a directory.

    Our own files go into `room`.
    """
    traced, log = ",".join(sorted(names)), room / "0.calls"
    command = ["strace", "-y", "-s", "512", "-o", str(log), "-e", "signal=none", "-e", f"trace={traced}"]
    ended = _run([*command, str(GITSTORE), *arguments], cwd, room, {"FAULTS_LIST": traced})
    assert ended.code == 0, ended
    found = []
    for path in sorted(room.glob("*.calls"), key=lambda path: int(path.stem)):
        asked = room / f"{path.stem}.command"
        words = asked.read_text().strip() if asked.exists() else ""
        found += list(_parsed(path.read_text(errors="replace"), int(path.stem), words, below))
    return found


def run_with(fault: Fault, *arguments: str, cwd: Path, room: Path) -> Outcome:
    """Run gitstore with one fault."""
    call = fault.call
    if call.git:
        wanted = {"FAULTS_GIT": str(call.git), "FAULTS_CALL": call.name, "FAULTS_INJECT": fault.injection}
        process = start(*arguments, cwd=cwd, variables=_surroundings(room, wanted))
        ended = outcome(process)
        assert _asked(room, call.git) == _RANDOM.sub("~new-", call.command), "another git was hit"
        return ended
    trace = ["-e", f"trace={call.name}", "-e", f"inject={fault.injection}"]
    command = ["strace", "-o", "/dev/null", "-e", "signal=none", *trace, str(GITSTORE), *arguments]
    return _run(command, cwd, room, {})


def _asked(room: Path, git: int) -> str:
    """What a git of the last command was asked to do, without what is random in it."""
    return _RANDOM.sub("~new-", (room / f"{git}.command").read_text().strip())


def effects(call: Call) -> tuple[str, ...]:
    """What can happen at a call."""
    if call.name == "openat":
        return ("EMFILE", "EIO") if call.is_reading else (KILL, "ENOSPC", "EMFILE")
    if call.name in READS:
        return ("EIO",)
    return (KILL, *ERRORS)


def _run(command: list[str], cwd: Path, room: Path, variables: Mapping[str, str]) -> Outcome:
    environment = os.environ | _surroundings(room, variables)
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def _surroundings(room: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a command whose gits are the shim, which is made."""
    shims = room / "bin"
    shims.mkdir(parents=True, exist_ok=True)
    git = shutil.which("git")
    assert git is not None
    (shims / "git").write_text(_SHIM.replace("@GIT@", git))
    (shims / "git").chmod(0o755)
    (room / "count").write_text("0\n")
    return {
        "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
        "FAULTS_DIRECTORY": str(room),
        "FAULTS_LIST": "",
        "FAULTS_GIT": "",
        **variables,
    }


def _parsed(log: str, git: int, command: str, below: Path) -> Iterator[Call]:
    """The calls in a log of strace that are on files below a directory."""
    counts: Counter[tuple[str, str]] = Counter()
    met = set()
    for line in log.splitlines():
        match = _LINE.match(line)
        if match is None or "resumed>" in line[:40]:
            continue
        name = match["call"]
        # Where a path is absolute, the current directory does not matter.
        arguments = re.sub('AT_FDCWD<[^>]*>, (?="/)', "", match["arguments"])
        counts[match["process"] or "", name] += 1
        number = counts[match["process"] or "", name]
        # git works in the scene, so a relative path lies in it.
        is_below = str(below) in arguments or (arguments.startswith('"') and not arguments.startswith('"/'))
        if not is_below or (name, number) in met:
            continue
        met.add((name, number))  # in several processes of one git, the first to come there is hit
        path = _last_path(arguments, below)
        is_reading = name in READS and not re.search("O_WRONLY|O_RDWR|O_CREAT", arguments)
        yield Call(git, command, name, number, path, is_reading)


def _last_path(arguments: str, below: Path) -> str:
    """The last path that a call names; of an absolute one what follows the directory."""
    quoted: list[str] = re.findall('"([^"]*)"', arguments)
    relative = [path for path in quoted if path and not path.startswith("/")]
    if str(below) in arguments and not (relative and "AT_FDCWD" in arguments):
        return re.split('[>"]', arguments.rpartition(str(below))[2])[0].lstrip("/")
    return relative[-1]
