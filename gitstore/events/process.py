"""Running a hook: an executable that gets one text on standard input."""

from __future__ import annotations

import errno
import os
import selectors
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

Hear = Callable[[str], None]

_STDERR = 2
_PAUSE = 0.05
_PATIENCE = 5.0


class CannotStart(Exception):
    """The operating system does not run the file; the message says why."""


def run(path: Path, *, cwd: Path, stdin: bytes, hear: Hear | None = None) -> int:
    """Run a hook to its end, and return its exit code, or the signal that ended it, negated.

    Both its outputs go to our standard error, where it can leave a process behind that goes on
    writing; with `hear`, that gets them instead, line by line. Raises `CannotStart`.
    """
    # A file, not a pipe: a hook need not read it, however long it is.
    with tempfile.TemporaryFile() as file:
        file.write(stdin)
        file.seek(0)
        process = _start(path, cwd, file, _STDERR if hear is None else subprocess.PIPE)
    try:
        for line in _lines(process):
            if hear is not None:
                hear(line)
        return process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _start(path: Path, cwd: Path, stdin: IO[bytes], output: int) -> subprocess.Popen[bytes]:
    try:
        return _popen([str(path)], cwd, stdin, output)
    except OSError as error:
        if error.errno == errno.ENOEXEC:  # no `#!`: for sh, as git and shells have it
            return _popen(["sh", str(path)], cwd, stdin, output)
        missing = isinstance(error, FileNotFoundError) and path.exists()
        why = "the interpreter that its first line names is not there" if missing else error.strerror
        raise CannotStart(why) from error


def _popen(command: list[str], cwd: Path, stdin: IO[bytes], output: int) -> subprocess.Popen[bytes]:
    stderr = subprocess.STDOUT if output == subprocess.PIPE else None
    return subprocess.Popen(command, cwd=cwd, stdin=stdin, stdout=output, stderr=stderr)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The lines that a process writes until it ends, even if one that it left behind has the pipe still."""
    if process.stdout is None:
        return
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            has_ended = process.poll() is not None  # asked first: what it wrote is in the pipe by then
            ready = selector.select(0 if has_ended else _PAUSE)
            chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
            *lines, pending = (pending + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            if not chunk and (ready or has_ended):
                break
    if pending:
        yield pending.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no hook behind when we are stopped. At a terminal, Ctrl-C has reached it too."""
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
