"""The frames that supervisor and worker send to each other over their socket.

    frame   = length header payload
    length  = u32, little-endian: the bytes of the header, at most HEADER_LIMIT
    header  = JSON {"kind": str, "fields": {…}, "tensors": [[name, element type, shape], …]}
    payload = the data of the tensors, one after the other (see payload.py)

Both sides import this module, so it may use only the standard library, numpy and the modules beside it. A
receiver checks everything, because the model's code can write to the worker's end.
"""

from __future__ import annotations

import contextlib
import errno
import json
import select
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import payload, tensors
from .payload import Malformed
from .tensors import Array

__all__ = ["Channel", "Closed", "Frame", "Lost", "Malformed"]

HEADER_LIMIT = 1 << 20
NO_LIMIT = 1 << 62

_LENGTH = struct.Struct("<I")
_TYPES = {*tensors.NUMERIC, tensors.STRING, "binary"}


class Closed(Exception):
    """The other side has closed its end, or this process has lost its own end."""


class Lost(Closed):
    """This process has lost its end: the descriptor was closed or replaced."""


@dataclass(frozen=True)
class Frame:
    """A message: its kind, its small fields, and its arrays by name."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Array] = field(default_factory=dict)


class Channel:
    """One end of the socket. Any thread may send; one thread at a time may receive.

    `limit` is the largest payload in bytes that is received. With `wait`, the channel never blocks by itself:
    instead, it calls `wait(select.POLLIN)` or `wait(select.POLLOUT)`, which returns when the socket is ready,
    or raises an exception to give up.
    """

    def __init__(
        self, connection: socket.socket, *, limit: int = NO_LIMIT, wait: Callable[[int], None] | None = None
    ) -> None:
        self._socket = connection
        self._limit = limit
        self._wait = wait or self._poll
        self._sending = threading.Lock()
        connection.setblocking(wait is None)

    def send(self, kind: str, arrays: Mapping[str, Array] | None = None, **fields: Any) -> None:
        """Send one frame, with arrays from `tensors.normalise`.

        Raises Closed. Raises Malformed, and sends nothing, if the header would be too long.
        """
        arrays = arrays or {}
        descriptions = [
            [name, tensors.find_element_type(array), array.shape] for name, array in arrays.items()
        ]
        header = json.dumps({"kind": kind, "fields": fields, "tensors": descriptions}).encode()
        if len(header) > HEADER_LIMIT:
            raise Malformed(f"a header of {len(header)} bytes, over the limit of {HEADER_LIMIT}")
        with self._sending:
            self._write(memoryview(_LENGTH.pack(len(header)) + header))
            for array in arrays.values():
                for block in payload.encode_blocks(array):
                    self._write(block)

    def receive(self) -> Frame:
        """Receive a frame. Raises Closed at the end of the stream, and Malformed for an invalid frame."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > HEADER_LIMIT:
            raise Malformed(f"a header of {length} bytes, over the limit of {HEADER_LIMIT}")
        frame, descriptions = _parse(self._read(length))
        remaining = self._limit
        for name, type_name, shape in descriptions:
            frame.tensors[name], size = payload.read(self._read_into, type_name, shape, limit=remaining)
            remaining -= size
        return frame

    def finish(self) -> None:
        """Send nothing more. Frames of the other side can still be received."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close this end. Idempotent."""
        self._socket.close()

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        self._read_into(memoryview(data))
        return data

    def _read_into(self, view: memoryview) -> None:
        while len(view):
            try:
                received = self._socket.recv_into(view)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError as error:
                raise _make_closed(error) from error
            if received == 0:
                raise Closed("the other side has closed the connection")
            view = view[received:]

    def _write(self, view: memoryview) -> None:
        while len(view):
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError as error:
                raise _make_closed(error) from error

    def _poll(self, event: int) -> None:
        # Called only if the model has made our blocking socket non-blocking.
        poll = select.poll()
        poll.register(self._socket, event)
        poll.poll()


def _make_closed(error: OSError) -> Closed:
    kind = Lost if error.errno in (errno.EBADF, errno.ENOTSOCK) else Closed
    return kind(str(error))


def _parse(header: bytearray) -> tuple[Frame, list[tuple[str, str, tuple[int, ...]]]]:
    """Return the frame without its tensors, and the name, element type and shape of each tensor."""
    try:
        fields = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise Malformed("a header that is not JSON") from error
    kinds = {"kind": str, "fields": dict, "tensors": list}
    if not isinstance(fields, dict) or any(type(fields.get(key)) is not kinds[key] for key in kinds):
        raise Malformed("a header without kind, fields and tensors")
    descriptions = [_parse_description(entry) for entry in fields["tensors"]]
    if len({name for name, _, _ in descriptions}) < len(descriptions):
        raise Malformed("two tensors of one name")
    return Frame(fields["kind"], fields["fields"]), descriptions


def _parse_description(entry: object) -> tuple[str, str, tuple[int, ...]]:
    # No match statement: the worker runs in Python 3.9, too.
    if isinstance(entry, list) and list(map(type, entry)) == [str, str, list]:
        name, type_name, shape = entry
        if type_name in _TYPES and all(type(length) is int and length >= 0 for length in shape):
            return name, type_name, tuple(shape)
    raise Malformed("a tensor without name, element type and shape")
