"""A Ray cluster of two nodes on this machine, each with a cache of its own, as if they were two machines."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from gitstore.launchers.ray import cluster
from gitstore.run.cache.cache import Cache

_OPTIONS = (
    "--block", "--num-cpus=1", "--memory=2000000000", "--object-store-memory=80000000",
    "--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats",
)  # fmt: skip
_PATIENCE = 60.0


@dataclass
class Node:
    """A node: the process of `ray start`, and the home of its caches."""

    process: subprocess.Popen[bytes]
    caches: Path
    log: Path

    @property
    def cache(self) -> Cache:
        """The cache of gitstore on this node."""
        return Cache(self.caches / "gitstore")

    def kill(self) -> None:
        """Kill the node with all its processes, as a power cut would."""
        for pid in find_processes(self.caches):
            _kill(pid)
        self.process.wait()


@dataclass
class RayCluster:
    """A running cluster."""

    address: str
    directory: Path
    nodes: list[Node] = field(default_factory=list)

    def add_node(self, *, variables: Mapping[str, str] | None = None, options: tuple[str, ...] = ()) -> Node:
        """Start another node. The first one is the head."""
        caches = self.directory / f"node{len(self.nodes)}"
        caches.mkdir()
        _share_environments(caches)
        port = self.address.rpartition(":")[2]
        place = (
            (f"--address={self.address}",)
            if self.nodes
            else ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={self.directory}")
        )
        log = caches / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", *place, *_OPTIONS, *options],
                env=os.environ | self._set(caches) | dict(variables or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.nodes.append(Node(process, caches, log))
        return self.nodes[-1]

    @staticmethod
    def _set(caches: Path) -> dict[str, str]:
        """The variables that make a node a machine of its own. Ray notices quickly if one is lost."""
        (caches / "tmp").mkdir()
        return {
            "XDG_CACHE_HOME": str(caches),
            "TMPDIR": str(caches / "tmp"),
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_timeout_ms": "1000",
        }


def _share_environments(caches: Path) -> None:
    """Let nodes use the environments that this run of the tests has built already."""
    shared = Path(os.environ["XDG_CACHE_HOME"], "gitstore", "environments")
    (caches / "gitstore").mkdir(mode=0o700)
    if shared.exists():
        (caches / "gitstore" / "environments").symlink_to(shared.resolve())


def _wait(node: Node) -> None:
    deadline = time.monotonic() + _PATIENCE
    while b"Ray runtime started" not in node.log.read_bytes():
        assert node.process.poll() is None and time.monotonic() < deadline, node.log.read_text()
        time.sleep(0.05)


def find_processes(caches: Path) -> list[int]:
    """The processes of a node: its caches are in the environment of each."""
    mark = f"XDG_CACHE_HOME={caches}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def find_free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as trial:
        trial.bind(("", 0))
        port: int = trial.getsockname()[1]
        return port


@contextmanager
def running(
    nodes: int = 2, *, variables: Mapping[str, str] | None = None, options: tuple[str, ...] = ()
) -> Iterator[RayCluster]:
    """A cluster, which has ended with all its processes when the block has."""
    directory = Path(tempfile.mkdtemp(prefix="gs-ray-"))
    started = RayCluster(f"127.0.0.1:{find_free_port()}", directory)
    try:
        for _ in range(nodes):
            _wait(started.add_node(variables=variables, options=options))
        yield started
    finally:
        cluster.disconnect()
        for node in started.nodes:
            node.process.terminate()
        for node in started.nodes:
            with suppress(subprocess.TimeoutExpired):
                node.process.wait(_PATIENCE / 4)
            node.kill()
        shutil.rmtree(directory, ignore_errors=True)
