"""What a pusher is told of a push that was stopped before git could judge it.

The format is that of git receive-pack: gitprotocol-pack(5), Report Status.
"""

from __future__ import annotations

from collections.abc import Iterator

from gitstore.policy.push_stream import AskedRefs
from gitstore.policy.refusal import Refusal
from gitstore.store.front.stream import StoppedPush

_FLUSH = b"0000"
_DATA, _MESSAGE = b"\x01", b"\x02"
_LARGEST = 65_000
"""Bytes in one packet of a side band; git takes 65,515."""


_HEADERS = b"Content-Type: application/x-git-receive-pack-result\r\nCache-Control: no-cache\r\n\r\n"


def render_answer(stopped: StoppedPush) -> bytes | None:
    """Return the whole answer of a CGI to a push that was stopped; `None` if the client reads no report."""
    report = render_report(stopped.asked, stopped.refusal)
    return None if report is None else _HEADERS + report


def render_report(asked: AskedRefs, refusal: Refusal) -> bytes | None:
    """Return the answer of git receive-pack to a push that was stopped: why, and that no ref has moved.

    git shows the refusal as a line of the remote's, and rejects each ref with the rule. `None` if the client
    reads no report.
    """
    if not asked.capabilities & {b"report-status", b"report-status-v2"}:
        return None
    # With a side band, the whole line is a message of its own.
    has_band = b"side-band-64k" in asked.capabilities
    reason = (f"stopped [{refusal.rule}]" if has_band else str(refusal)).encode()
    lines = [b"unpack " + reason, *(b"ng %s %s" % (ref, reason) for ref in asked.refs)]
    report = b"".join(_packet(line + b"\n") for line in lines) + _FLUSH
    if not has_band:
        return report
    message = _MESSAGE + f"error: {refusal}\n".encode()
    return b"".join([_packet(message), *map(_packet, _split(report)), _FLUSH])


def _split(report: bytes) -> Iterator[bytes]:
    for start in range(0, len(report), _LARGEST):
        yield _DATA + report[start : start + _LARGEST]


def _packet(content: bytes) -> bytes:
    return b"%04x%s" % (len(content) + 4, content)
