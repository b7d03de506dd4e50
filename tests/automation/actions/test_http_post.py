"""A POST: which addresses it may go to, and what bounds it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gitstore.automation.actions import http_post
from gitstore.automation.actions.http_post import AddressRefused, CannotPost, check_address, post
from tests.support.receiver import Receiver, receiving


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match="not an address of the public internet"):
        check_address(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_a_public_address_is_not(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0177.0.0.1"])
def test_no_spelling_leads_to_this_machine(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        with pytest.raises(CannotPost):
            post(f"http://{host}:{port}", b"{}", {}, timeout=2, allow_private=False)
        assert receiver.requests == 0


def test_one_private_address_among_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers for a name could mix them, and wait for which one is taken."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        post("http://example.org", b"", {}, timeout=1, allow_private=False)


def test_the_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    with receiving(Receiver(answer=lambda _: (204, {}))) as receiver:
        port = int(receiver.url.split(":")[2].partition("/")[0])

        def look_up(*arguments: object, **_: object) -> list[tuple[object, ...]]:
            calls.append(arguments)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        answer = post(f"http://example.org:{port}/x", b"{}", {}, timeout=5, allow_private=True)
    assert (answer.status, len(calls)) == (401, 1)  # without a signature


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers one connection by hand."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join()


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    with pytest.raises(OSError):
        for _ in range(600):
            connection.sendall(b"a")
            time.sleep(0.01)


def test_a_receiver_that_drips_is_late_in_the_end() -> None:
    with serving(drip) as url:
        began = time.monotonic()
        with pytest.raises(CannotPost, match=r"no answer within 0\.3 s"):
            post(url, b"{}", {}, timeout=0.3, allow_private=True)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"nonsense\r\n\r\n", "nonsense"),
        (b"", "closed connection"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", "headers"),
        (b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n", "line"),
    ],
)
def test_an_answer_that_is_none(answer: bytes, reason: str) -> None:
    with (
        serving(lambda connection: connection.sendall(answer)) as url,
        pytest.raises(CannotPost, match=reason),
    ):
        post(url, b"{}", {}, timeout=5, allow_private=True)


def test_a_large_answer_is_not_read() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 8192)

    with serving(answer) as url:
        assert post(url, b"{}", {}, timeout=5, allow_private=True).status == 200


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(CannotPost, match="refused"):
        post(f"http://127.0.0.1:{port}", b"", {}, timeout=2, allow_private=True)
    assert http_post.MOST_READ < 10_000
