"""A proxy on loopback that cuts a connection after a number of bytes, and counts what it carried.

`carried` are bytes to the server, `returned` those to the client.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_BLOCK = 16384


class Proxy:
    """Carries connections to a server. The next ones are cut after `allowed` bytes from the client."""

    def __init__(self, listener: socket.socket, server: tuple[str, int]) -> None:
        self.allowed: int | None = None
        self.carried = self.returned = 0
        self._listener = listener
        self._server = server
        self._lock = threading.Lock()

    def run(self) -> None:
        """Accept connections until the listening socket is closed, and wait for their ends."""
        threads = []
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threads.append(threading.Thread(target=self._carry_both, args=[client]))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _carry_both(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            back = threading.Thread(target=self._carry, args=[server, client], kwargs={"counted": False})
            back.start()
            self._carry(client, server, counted=True)
            back.join()

    def _carry(self, source: socket.socket, target: socket.socket, *, counted: bool) -> None:
        with suppress(OSError):
            while block := source.recv(_BLOCK):
                if counted and not self._may_pass(len(block)):
                    break
                if not counted:
                    self._count_returned(len(block))
                target.sendall(block)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count_returned(self, size: int) -> None:
        with self._lock:
            self.returned += size

    def _may_pass(self, size: int) -> bool:
        with self._lock:
            if self.allowed is not None and size > self.allowed:
                return False
            self.carried += size
            if self.allowed is not None:
                self.allowed -= size
            return True


@contextmanager
def cutting(url: str) -> Iterator[tuple[str, Proxy]]:
    """A URL that leads through a proxy to another, and the proxy."""
    parts = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(listener, (parts.hostname or "", parts.port or 0))
        thread = threading.Thread(target=proxy.run)
        thread.start()
        try:
            netloc = f"127.0.0.1:{listener.getsockname()[1]}"
            yield parts._replace(netloc=netloc).geturl(), proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
