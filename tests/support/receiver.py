"""A receiver of webhooks on loopback, which verifies signatures with the reference library."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + "c2VjcmV0" * 8


@dataclass
class Receiver:
    """What came: the events whose signature is good, and the number of requests of any kind.

    `answer` returns the status for the request of a number, counted from 1, and headers of the answer.
    """

    url: str = ""
    answer: Callable[[int], tuple[int, dict[str, str]]] = lambda number: (204, {})
    events: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def receiving(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """Serve until the block ends."""
    found = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with found.lock:
                found.requests += 1
                number = found.requests
            headers: dict[str, str] = {}
            try:
                event = Webhook(SECRET).verify(body, dict(self.headers.items()))
            except WebhookVerificationError:
                status = 401
            else:
                status, headers = found.answer(number)
                if status < 300:
                    with found.lock:
                        found.events.append(event)
                        found.ids.append(self.headers["webhook-id"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
