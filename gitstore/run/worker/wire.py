"""The frames that supervisor and worker send to each other over their socket.

    frame   = length header data…
    length  = u32, little-endian: the bytes of the header, at most HEADER_LIMIT
    header  = JSON {"kind": str, "fields": {…}, "tensors": [tensor, …]}
    tensor  = [name, element type, shape, is ragged, size, place]
    data    = of one tensor after the other, `size` bytes in this place (payload.py says what they are):
              "stream": they follow here
              "memory": here follows one NUL, and with it the descriptor of a sealed memfd, see shared.py
              offset, a number: the same, with the descriptor of a file that has them at this offset

Both sides import this module, so it may use only the standard library, numpy and the modules beside it. A
receiver checks everything, because the model's code can write to the worker's end.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

from . import payload, shared, tensors
from .payload import Description, Malformed
from .shared import FilePlace
from .tensors import Array, Value

__all__ = ["Channel", "Closed", "Frame", "Lost", "Malformed"]

HEADER_LIMIT = 1 << 20
NO_LIMIT = 1 << 62

STREAM, MEMORY = "stream", "memory"
Place = Union[str, int]

_LENGTH = struct.Struct("<I")
_INT = struct.Struct("i")
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_TYPES = {*tensors.NUMERIC, tensors.STRING, "binary"}


class Closed(Exception):
    """The other side has closed its end, or this process has lost its own end."""


class Lost(Closed):
    """This process has lost its end: the descriptor was closed or replaced."""


@dataclass(frozen=True)
class Frame:
    """A message: its kind, its small fields, and its values by name."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Value] = field(default_factory=dict)


class _Parcel(NamedTuple):
    """A tensor that is to be sent, and the place of its data."""

    description: Description
    value: Value
    place: Place = STREAM
    descriptor: int | None = None


class Channel:
    """One end of the socket. Any thread may send; one thread at a time may receive.

    `limit` is the most bytes of all tensors of a frame that is received. Files are mapped only if
    `trusts_files`: the other side could make one shorter, which would end this process. An array that is
    mapped from a file is sent as the file if `may_send` says so of its place, else copied. With `wait`, the
    channel never blocks by itself: instead, it calls `wait(select.POLLIN)` or `wait(select.POLLOUT)`, which
    returns when the socket is ready, or raises an exception to give up.
    """

    def __init__(
        self,
        connection: socket.socket,
        *,
        limit: int = NO_LIMIT,
        trusts_files: bool = False,
        may_send: Callable[[FilePlace], bool] = lambda _: False,
        wait: Callable[[int], None] | None = None,
    ) -> None:
        self._socket = connection
        self._limit = limit
        self._trusts_files = trusts_files
        self._may_send = may_send
        self._wait = wait or self._poll
        self._sending = threading.Lock()
        connection.setblocking(wait is None)

    def send(self, kind: str, values: Mapping[str, Value] | None = None, **fields: Any) -> None:
        """Send one frame, with values from `tensors.normalise` and `tensors.normalise_ragged`.

        Raises Closed. Raises Malformed, and sends nothing, if the header would be too long.
        """
        values = values or {}
        with contextlib.ExitStack() as stack:
            parcels = [self._pack(name, value, stack=stack) for name, value in values.items()]
            entries = [[*parcel.description, parcel.place] for parcel in parcels]
            header = json.dumps({"kind": kind, "fields": fields, "tensors": entries}).encode()
            if len(header) > HEADER_LIMIT:
                raise Malformed(f"a header of {len(header)} bytes, over the limit of {HEADER_LIMIT}")
            with self._sending:
                self._write(memoryview(_LENGTH.pack(len(header)) + header))
                for parcel in parcels:
                    if parcel.descriptor is not None:
                        self._send_descriptor(parcel.descriptor)
                        continue
                    for block in payload.encode_blocks(parcel.value):
                        self._write(block)

    def receive(self) -> Frame:
        """Receive a frame. Raises Closed at the end of the stream, and Malformed for an invalid frame."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > HEADER_LIMIT:
            raise Malformed(f"a header of {length} bytes, over the limit of {HEADER_LIMIT}")
        frame, entries = _parse(self._read(length))
        remaining = self._limit
        for description, place in entries:
            payload.check(description, remaining)
            frame.tensors[description.name] = payload.decode(self._take_data(description, place), description)
            remaining -= description.size
        return frame

    def _pack(self, name: str, value: Value, *, stack: contextlib.ExitStack) -> _Parcel:
        """Describe a tensor, and choose the place of its data. Memory that it takes goes with the stack."""
        parcel = _Parcel(payload.describe(name, value), value)
        if parcel.description.size < shared.THRESHOLD:
            return parcel
        source = shared.find_source(value)
        if source is not None and self._may_send(source):
            return parcel._replace(place=source.offset, descriptor=source.descriptor)
        descriptor = shared.write_sealed(payload.encode_blocks(value))
        if descriptor is None:
            return parcel
        stack.callback(os.close, descriptor)
        return parcel._replace(place=MEMORY, descriptor=descriptor)

    def _take_data(self, description: Description, place: Place) -> Array:
        """Return the data of a tensor, received or mapped. Raises Closed and Malformed."""
        if place == STREAM:
            data = payload.allocate(description.size)
            self._read_into(data.data)
            return data
        if place != MEMORY and not self._trusts_files:
            raise Malformed("a tensor in a file")
        descriptor = self._receive_descriptor()
        try:
            if isinstance(place, int):
                return shared.map_file(shared.FilePlace(descriptor, place), description.size)
            return shared.map_sealed(descriptor, description.size)
        finally:
            os.close(descriptor)

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

    def _send_descriptor(self, descriptor: int) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _INT.pack(descriptor))]
        while True:
            try:
                self._socket.sendmsg([b"\0"], ancillary)
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError as error:
                raise _make_closed(error) from error
            else:
                return

    def _receive_descriptor(self) -> int:
        """Return the descriptor that comes with the next byte. Others are closed. Raises Malformed."""
        while True:
            try:
                received, ancillary, _, _ = self._socket.recvmsg(
                    1, socket.CMSG_LEN(_INT.size), _CLOSE_ON_EXEC
                )
                break
            except BlockingIOError:
                self._wait(select.POLLIN)
            except OSError as error:
                raise _make_closed(error) from error
        descriptors = [
            _INT.unpack_from(content)[0]
            for level, kind, content in ancillary
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        ]
        if not received:
            raise Closed("the other side has closed the connection")
        if received == b"\0" and descriptors:
            return int(descriptors[0])  # the buffer has no room for a second one
        for descriptor in descriptors:
            os.close(descriptor)
        raise Malformed("a tensor in a file without its descriptor")

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


def _parse(header: bytearray) -> tuple[Frame, list[tuple[Description, Place]]]:
    """Return the frame without its tensors, and the description and the place of each tensor."""
    try:
        content = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise Malformed("a header that is not JSON") from error
    kinds = {"kind": str, "fields": dict, "tensors": list}
    if not isinstance(content, dict) or any(type(content.get(key)) is not kinds[key] for key in kinds):
        raise Malformed("a header without kind, fields and tensors")
    entries = [_parse_entry(entry) for entry in content["tensors"]]
    if len({description.name for description, _ in entries}) < len(entries):
        raise Malformed("two tensors of one name")
    return Frame(content["kind"], content["fields"]), entries


def _parse_entry(entry: object) -> tuple[Description, Place]:
    if isinstance(entry, list) and [type(part) for part in entry[:5]] == [str, str, list, bool, int]:
        name, type_name, shape, is_ragged, size = entry[:5]
        places = entry[5:]
        numbers = [size, *shape, *(place for place in places if place not in (STREAM, MEMORY))]
        if (
            len(places) == 1
            and type_name in _TYPES
            and all(type(number) is int and number >= 0 for number in numbers)
        ):
            return Description(name, type_name, tuple(shape), is_ragged, size), places[0]
    raise Malformed("a tensor without name, element type, shape, size and place")
