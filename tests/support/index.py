"""A package index on the loopback interface, with the smallest wheels there can be."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.support import lasting

_EPOCH = (2020, 1, 1, 0, 0, 0)


def wheel(
    name: str, version: str, needs: Sequence[str] = (), *, more: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """A wheel with one package, which says its version, and more files; the same bytes each time.

    In the names of these files, INFO stands for the directory of metadata.
    """
    info = f"{name}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    contents = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": "\n".join([*metadata, *(f"Requires-Dist: {need}" for need in needs), ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **{path.replace("INFO", info): text for path, text in more.items()},
    }
    record = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), text)
    return file.getvalue()


def sdist(name: str, version: str, mark: Path) -> bytes:
    """A source distribution without dependencies, which writes the file `mark` when anybody builds it."""
    backend = f"""\
from pathlib import Path

Path({str(mark)!r}).write_text("built")


def prepare_metadata_for_build_wheel(directory, *_):
    info = Path(directory, "{name}-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return info.name
"""
    contents = {
        "backend.py": backend,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for path, text in contents.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return file.getvalue()


def uv_cache(directory: Path) -> Path:
    """Make a cache for uv that knows no package, but this Python: to look at that takes uv a while."""
    shutil.copytree(_knowing_python(), directory)
    return directory


@cache
def _knowing_python() -> Path:
    import uv

    directory = lasting.make_directory("uv")
    command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--offline", f"--python={sys.executable}", "-"]
    environment = {**os.environ, "UV_CACHE_DIR": str(directory), "UV_NO_CONFIG": "1"}
    subprocess.run(command, input=b"", stdout=subprocess.DEVNULL, env=environment, cwd="/", check=True)
    return directory


class Index:
    """An index as PEP 503 has it, whose packages can change. While `held` it leaves requests unanswered."""

    def __init__(self) -> None:
        self.wheels: dict[str, dict[str, bytes]] = {}
        self.asked = threading.Event()
        self.free = threading.Event()
        self.free.set()
        self.url = ""

    def environment(self, cache: Path) -> dict[str, str]:
        """Variables by which uv asks this index alone, with this directory as its cache."""
        return {
            "UV_DEFAULT_INDEX": self.url,
            "UV_CACHE_DIR": str(cache),
            "UV_NO_CONFIG": "1",
            "UV_HTTP_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
        }

    def add(self, name: str, version: str, needs: Sequence[str] = ()) -> None:
        """Offer a package."""
        file = f"{name}-{version}-py3-none-any.whl"
        self.wheels.setdefault(name, {})[file] = wheel(name, version, needs)

    def get(self, path: str) -> bytes | None:
        """The page of a package, or a file of one."""
        steps = path.strip("/").split("/")
        if steps[0] == "files" and len(steps) == 2:
            return self.wheels[steps[1].partition("-")[0]].get(steps[1])
        found = self.wheels.get(steps[-1])
        if steps[0] != "simple" or found is None:
            return None
        links = (
            f'<a href="/files/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>'
            for file, content in sorted(found.items())
        )
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()


@contextmanager
def serving(index: Index) -> Iterator[Index]:
    """Serve an index on a free port while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.set()
            index.free.wait(30)
            content = index.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", "text/html" if "/simple/" in self.path else "application/zip")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        index.url = f"http://127.0.0.1:{server.server_address[1]}/simple/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield index
        finally:
            index.free.set()
            server.shutdown()
            thread.join()


@contextmanager
def asked_alone(index: Index, directory: Path) -> Iterator[None]:
    """Serve an index, the only place where uv looks meanwhile. Its cache is `directory`."""
    with serving(index), pytest.MonkeyPatch.context() as patch:
        for name, value in index.environment(uv_cache(directory)).items():
            patch.setenv(name, value)
        patch.delenv("UV_FIND_LINKS")
        yield
