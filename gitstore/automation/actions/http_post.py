"""One POST to a URL that somebody else wrote: to a public address, without redirects, in a bounded time.

This is http.client of the standard library with a connection of our own, since no well-kept client lets a
caller look at the address that a name has between the lookup and the connection: whoever answers for the name
could give another address to each lookup. Here the name is looked up once, every address is checked, and the
socket is connected to one of those. Proxies of the environment are not used: they would connect for us.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

MOST_READ = 4096
"""The most bytes of an answer that are read. A receiver has nothing to tell us but its status."""

IpAddress: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Address: TypeAlias = "tuple[socket.AddressFamily, Any]"
"""A family, and what a socket of it connects to."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class HttpAnswer(NamedTuple):
    """The answer to a request. `retry_after` is what the receiver asks for, in seconds."""

    status: int
    reason: str
    retry_after: int | None


class CannotPost(Exception):
    """There was no answer. The message says why, in a few words."""


class AddressRefused(CannotPost):
    """The name leads to an address of this machine or a private network."""


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, allow_private: bool
) -> HttpAnswer:
    """Send a POST, and return the answer, whatever its status; a redirect is an answer, too.

    All of it, the lookup of the name apart, takes at most `timeout` seconds. Raises `CannotPost`.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    addresses = list(_resolve(host, port, allow_private=allow_private))
    deadline = time.monotonic() + timeout
    try:
        with _Line(addresses, deadline) as line:
            if parts.scheme == "https":
                line.encrypt(host)
            connection = http.client.HTTPConnection(host, port)
            connection.sock = line.socket
            connection.request("POST", path, body, {**headers, "Connection": "close"})
            with connection.getresponse() as response:
                line.check()  # http.client takes headers that were cut short for whole ones
                return _read(response)
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= deadline:
            raise CannotPost(f"no answer within {timeout:g} s") from error
        raise CannotPost(_explain(error)) from error


def _read(response: http.client.HTTPResponse) -> HttpAnswer:
    with suppress(OSError, http.client.HTTPException):
        response.read(MOST_READ)
    after = response.getheader("Retry-After", "")
    retry_after = int(after) if after.isascii() and after.isdigit() and len(after) < 8 else None
    return HttpAnswer(response.status, response.reason[:200], retry_after)


def check_address(text: str) -> None:
    """Raise `AddressRefused` unless an address is one of the public internet."""
    for address in _list_meant(ipaddress.ip_address(text.partition("%")[0])):
        if not address.is_global or address.is_multicast:
            raise AddressRefused(f"{text} is not an address of the public internet; allow_private permits it")


def _list_meant(address: IpAddress) -> list[IpAddress]:
    """Return the addresses that packets to an address may reach: it may have one of IPv4 in it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    teredo = address.teredo[1] if address.teredo is not None else None
    return [address, *(inner for inner in (address.sixtofour, teredo) if inner is not None)]


def _resolve(host: str, port: int, *, allow_private: bool) -> Iterator[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CannotPost(f"{host} cannot be found: {error}") from error
    for family, _, _, _, address in found:
        if not allow_private:
            check_address(str(address[0]))
        yield family, address


class _Line:
    """A connection to the first of some addresses that answers, which ends at the deadline.

    The timeout of a socket begins again with each byte, so a timer ends the connection.
    """

    def __init__(self, addresses: Sequence[Address], deadline: float) -> None:
        self.socket = _connect(addresses, deadline)
        self._is_late = False
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0), self._end)
        self._timer.daemon = True

    def encrypt(self, host: str) -> None:
        """Begin TLS. The certificate must be that of the host's name."""
        self.socket = ssl.create_default_context().wrap_socket(
            self.socket, server_hostname=host, do_handshake_on_connect=False
        )
        self.socket.do_handshake()  # now that the timer knows the socket

    def check(self) -> None:
        """Raise `TimeoutError` if the deadline has ended the connection."""
        if self._is_late:
            raise TimeoutError

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        self.socket.close()

    def _end(self) -> None:
        self._is_late = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


def _connect(addresses: Sequence[Address], deadline: float) -> socket.socket:
    problem: OSError = TimeoutError("timed out")
    for family, address in addresses:
        raw = socket.socket(family, socket.SOCK_STREAM)
        try:
            raw.settimeout(max(deadline - time.monotonic(), 0.01))
            raw.connect(address)
        except OSError as error:
            raw.close()
            problem = error
        else:
            return raw
    raise problem


def _explain(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text or type(error).__name__)[:200]
