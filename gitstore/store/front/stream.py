"""Letting a push through to git while it streams in, up to where it must stop.

For a front that starts git itself: `gitstore store shell`, a CGI program. git runs with the bounds of
`policy/reception`. Whatever is let through is judged by pre-receive.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gitstore.git import process as git
from gitstore.policy import reception
from gitstore.policy.limits import PushLimits
from gitstore.policy.push_stream import AskedRefs, PushStopped, PushStream
from gitstore.policy.refusal import Refusal
from gitstore.store.front.stored_kinds import StoredKinds

_BLOCK = 64 * 1024

Read = Callable[[int], bytes]
"""Returns the next bytes that have come, at most so many; nothing at the end."""


class StoppedPush(NamedTuple):
    """A push that was stopped on the way: why, what it asked for, and what git has answered to its half."""

    refusal: Refusal
    asked: AskedRefs
    answer: bytes


class ServedPush(NamedTuple):
    """How a push ended: git's exit code, and whether it was stopped on the way."""

    exit_code: int
    stopped: StoppedPush | None


def serve_push(
    *arguments: str,
    repository: Path,
    read: Read,
    limits: PushLimits,
    variables: Mapping[str, str],
    write: Callable[[bytes], object] | None = None,
) -> ServedPush:
    """Run a git that receives a push to a repository, with the standard output and error of this process.

    `arguments` are those of git: `receive-pack DIRECTORY`, `http-backend`. `read` gives what the pusher
    sends, not compressed. git and its hooks get `variables` and nothing else. If the push is stopped, git
    finds half a pack, removes the quarantine and reports that. The refusal is the caller's to tell.

    If `write` is given, it gets git's output instead, from when the push has come to its end; nothing if it
    is stopped.
    """
    bounds = {bound.key: bound.value for bound in reception.environment(limits)}
    with closing(StoredKinds(repository, variables)) as kinds:
        stream = _Stopping(read, PushStream(limits, kinds.find))
        output = _Output(stream, write) if write is not None else None
        exit_code = git.serve(
            *arguments,
            cwd=Path("/"),
            blocks=stream.follow(),
            variables={**variables, **bounds},
            cpu_seconds=reception.cpu_seconds(limits),
            write=output.add if output is not None else None,
        )
    refusal = stream.refusal
    if refusal is not None:
        return ServedPush(exit_code, StoppedPush(refusal, stream.asked, output.held if output else b""))
    if output is not None:
        output.flush()
    return ServedPush(exit_code, None)


def read_from(descriptor: int) -> Read:
    """Return a function that reads from a descriptor, without waiting for more than has come."""
    return lambda size: os.read(descriptor, size)


class _Stopping:
    """Blocks of a push, up to the first that must not reach git."""

    def __init__(self, read: Read, stream: PushStream) -> None:
        self.refusal: Refusal | None = None
        self.has_passed = False
        self._read = read
        self._stream = stream

    @property
    def asked(self) -> AskedRefs:
        return self._stream.asked

    def follow(self) -> Iterator[bytes]:
        while block := self._read(_BLOCK):
            try:
                self._stream.feed(block)
            except PushStopped as error:
                self.refusal = error.refusal
                if self._stream.commands:
                    yield block[: self._stream.commands]  # so that git reports to the pusher
                return
            yield block
        self.has_passed = True


class _Output:
    """git's output, which is held back as long as the push may still be stopped: it is short until then."""

    def __init__(self, stream: _Stopping, write: Callable[[bytes], object]) -> None:
        self.held = b""
        self._stream = stream
        self._write = write

    def add(self, block: bytes) -> None:
        self.held += block
        if self._stream.has_passed:
            self.flush()

    def flush(self) -> None:
        self._write(self.held)
        self.held = b""
