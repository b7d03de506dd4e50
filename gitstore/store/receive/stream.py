"""Letting a push through to git, byte by byte, up to where it must stop."""

from __future__ import annotations

import os

from gitstore.policy.limits import PushLimits
from gitstore.policy.push_stream import PushStopped, PushStream
from gitstore.policy.refusal import Refusal

_BLOCK = 64 * 1024


def forward(source: int, sink: int, limits: PushLimits) -> Refusal | None:
    """Copy what a pusher sends from one descriptor to the other, standard input of git receive-pack.

    Returns at the end of the source, if git does not want more, or with the refusal that stopped the push.
    Then the caller closes `sink`: git finds half a pack, removes the quarantine, and reports that to the
    pusher; the refusal is the caller's to tell.
    """
    stream = PushStream(limits)
    while block := os.read(source, _BLOCK):
        try:
            stream.feed(block)
            _write(sink, block)
        except PushStopped as error:
            return error.refusal
        except BrokenPipeError:
            return None
    return None


def _write(sink: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(sink, view) :]
