"""Running a hook: an executable that gets one text on standard input."""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

OnLine = Callable[[str], None]
"""Called with each line that a hook prints."""

_STDERR = 2
_POLL_INTERVAL = 0.05
_GRACE_PERIOD = 5.0
"""Seconds between SIGTERM and SIGKILL for a hook when gitstore is stopped."""


class TookTooLong(Exception):
    """The hook was ended because it took longer than it may."""


class CannotStart(Exception):
    """The operating system does not run the file. The message says why."""


def run(
    path: Path,
    *,
    cwd: Path,
    stdin: bytes,
    on_line: OnLine | None = None,
    arguments: Sequence[str] = (),
    timeout: float | None = None,
) -> int:
    """Run a hook to its end, and return its exit code, or the signal that ended it, negated.

    Both its outputs go to standard error, and a process that it leaves behind may go on writing there. With
    `on_line`, they go to that function instead, line by line. Raises `CannotStart`, and `TookTooLong` after
    `timeout` seconds, for which `on_line` is needed.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    # A file, not a pipe: a hook does not have to read it, however long it is.
    with tempfile.TemporaryFile() as file:
        file.write(stdin)
        file.seek(0)
        output = _STDERR if on_line is None else subprocess.PIPE
        group = timeout is not None  # what it starts ends with it, too
        process = _start([str(path), *arguments], cwd=cwd, stdin=file, output=output, own_group=group)
    try:
        for line in _read_lines(process, deadline):
            if on_line is not None:
                on_line(line)
        return process.wait()
    except BaseException:
        _stop(process, with_group=timeout is not None)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _start(
    command: list[str], *, cwd: Path, stdin: IO[bytes], output: int, own_group: bool
) -> subprocess.Popen[bytes]:
    try:
        return _popen(command, cwd=cwd, stdin=stdin, output=output, own_group=own_group)
    except OSError as error:
        if error.errno == errno.ENOEXEC:  # without `#!`, sh runs it, as in git and in shells
            return _popen(["sh", *command], cwd=cwd, stdin=stdin, output=output, own_group=own_group)
        lacks_interpreter = isinstance(error, FileNotFoundError) and Path(command[0]).exists()
        reason = "the interpreter in its first line does not exist" if lacks_interpreter else error.strerror
        raise CannotStart(reason) from error


def _popen(
    command: list[str], *, cwd: Path, stdin: IO[bytes], output: int, own_group: bool
) -> subprocess.Popen[bytes]:
    stderr = subprocess.STDOUT if output == subprocess.PIPE else None
    return subprocess.Popen(
        command, cwd=cwd, stdin=stdin, stdout=output, stderr=stderr, process_group=0 if own_group else None
    )


def _read_lines(process: subprocess.Popen[bytes], deadline: float | None) -> Iterator[str]:
    """Yield the lines that a process writes until it ends, even if its children keep the pipe open.

    Raises `TookTooLong` at the deadline.
    """
    if process.stdout is None:
        return
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if deadline is not None and time.monotonic() > deadline and process.poll() is None:
                raise TookTooLong
            has_ended = process.poll() is not None  # before the read: by then, all its output is in the pipe
            is_ready = bool(selector.select(0 if has_ended else _POLL_INTERVAL))
            chunk = os.read(process.stdout.fileno(), 65536) if is_ready else b""
            *lines, pending = (pending + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            if not chunk and (is_ready or has_ended):
                break
    if pending:
        yield pending.decode(errors="replace")


def _stop(process: subprocess.Popen[bytes], *, with_group: bool) -> None:
    """Leave no hook behind when gitstore is stopped. At a terminal, Ctrl-C has reached the hook, too."""
    if with_group:
        _signal_group(process, signal.SIGTERM)
    process.terminate()
    try:
        process.wait(_GRACE_PERIOD)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if with_group:
        _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
