"""Real servers on loopback that carry git: web servers with `git http-backend` or files, `git daemon`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from tests.support.commands import git

_BLOCK = 65536


class CgiHandler(BaseHTTPRequestHandler):
    """Runs a program for each request, as CGI (RFC 3875) asks."""

    protocol_version = "HTTP/1.0"

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]

    def list_command(self) -> list[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def make_variables(self) -> Mapping[str, str]:
        """Variables beside those that say what is asked for."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name in the base
        """Say nothing."""

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        process = subprocess.Popen(
            self.list_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environ(path, query),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        sender = threading.Thread(target=self._send_body, args=[process.stdin])
        sender.start()
        with process:
            status, headers = "200 OK", []
            for line in iter(process.stdout.readline, b"\r\n"):
                if not line:  # somebody has killed the program
                    status = "500 Internal Server Error"
                    break
                key, _, value = line.decode().strip().partition(": ")
                if key == "Status":
                    status = value
                else:
                    headers.append((key, value))
            self.send_response(int(status.split()[0]))
            for key, value in headers:
                self.send_header(key, value)
            self.end_headers()
            shutil.copyfileobj(process.stdout, self.wfile)
            sender.join()

    def _send_body(self, target: BinaryIO) -> None:
        # The program or the client may have ended: git says what is missing then.
        with suppress(OSError, ValueError), closing(target):
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    target.write(self.rfile.read(size))
                    self.rfile.readline()
            else:
                left = int(self.headers.get("Content-Length") or 0)
                while left:
                    block = self.rfile.read(min(left, _BLOCK))
                    target.write(block)
                    left -= len(block)

    def _environ(self, path: str, query: str) -> Mapping[str, str]:
        values = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        if "Content-Length" in self.headers:
            values["CONTENT_LENGTH"] = self.headers["Content-Length"]
        return {**os.environ, **values, **self.make_variables()}


class _GitBackend(CgiHandler):
    """Runs `git http-backend` for the repositories in a directory."""

    def __init__(self, root: Path, *arguments: object) -> None:
        self.root = root
        super().__init__(*arguments)

    def list_command(self) -> list[str]:
        return ["git", "http-backend"]

    def make_variables(self) -> Mapping[str, str]:
        return {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "ada",
        }


class _Files(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name in the base
        """Say nothing."""


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a web server on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def smart_http(repository: Path) -> Iterator[str]:
    """The URL of a bare repository behind `git http-backend`, which may be pushed to."""
    git("config", "http.receivepack", "true", cwd=repository)
    with serving(partial(_GitBackend, repository.parent)) as url:
        yield f"{url}/{repository.name}"


@contextmanager
def dumb_http(repository: Path) -> Iterator[str]:
    """The URL of a bare repository as plain files, which can be read only."""
    git("update-server-info", cwd=repository)
    with serving(partial(_Files, directory=str(repository.parent))) as url:
        yield f"{url}/{repository.name}"


@contextmanager
def daemon(repository: Path) -> Iterator[str]:
    """The URL of a bare repository behind `git daemon`, which may be pushed to."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    command = [
        "git", "daemon", "--export-all", "--enable=receive-pack", f"--base-path={repository.parent}",
        "--listen=127.0.0.1", f"--port={port}", "--reuseaddr", "--verbose", str(repository.parent),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stderr is not None
            assert "Ready to rumble" in process.stderr.readline()
            yield f"git://127.0.0.1:{port}/{repository.name}"
        finally:
            os.killpg(process.pid, 15)
