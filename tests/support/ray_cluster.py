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

from gitstore.disk import entries
from gitstore.launchers.ray import cluster
from gitstore.models.snapshot import Snapshot
from gitstore.run.cache.cache import Cache
from tests.support.commands import git

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

    @property
    def leftovers(self) -> list[str]:
        """What operations left on this node: directories, workers, and locks of the cache."""
        scratch = [path.name for path in (self.caches / "tmp").glob("gitstore-*")]
        hidden = [str(path) for path in self.cache.directory.glob("*-*/.*")]
        in_use = [entry.path.name for entry in self.cache.list_entries() if entries.is_in_use(entry.path)]
        return [*scratch, *hidden, *in_use, *self.workers]

    @property
    def processes(self) -> dict[int, str]:
        """The processes of this node, with their command lines. Children and orphans count."""
        return {pid: _read_command(pid) for pid in find_processes(self.process.pid, self.caches)}

    @property
    def workers(self) -> list[str]:
        """The processes of models, and their guardians."""
        return [command for command in self.processes.values() if "run/worker" in command]

    def kill(self) -> None:
        """Kill the node with all its processes, as a power cut would."""
        for pid in self.processes:
            _kill(pid)
        self.process.wait()


@dataclass
class RayCluster:
    """A running cluster."""

    address: str
    directory: Path
    nodes: list[Node] = field(default_factory=list)

    @property
    def leftovers(self) -> list[str]:
        """What operations left on all nodes."""
        return [leftover for node in self.nodes for leftover in node.leftovers]

    def has_two_nodes(self) -> bool:
        """Whether Ray knows of both."""
        return len(cluster.list_nodes()) == 2

    def kill_guardians(self) -> None:
        """Kill the guardians of models that run now, with the processes that they have forked."""
        for node in self.nodes:
            for pid, command in node.processes.items():
                if "guardian.py" in command:
                    _kill(pid)

    def kill_tasks(self) -> list[int]:
        """Kill the processes of Ray that run models now; return their ids."""
        killed = []
        for node in self.nodes:
            if node.workers:
                killed += [
                    pid
                    for pid, command in node.processes.items()
                    if command.startswith(("ray::evaluate", "ray::Seat"))
                ]
        for pid in killed:
            _kill(pid)
        return killed

    def start_node(self, *, options: tuple[str, ...] = ()) -> Node:
        """Start another node, and wait until it runs."""
        node = self.add_node(options=options)
        _wait(node)
        return node

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


def find_processes(root: int, caches: Path) -> list[int]:
    """A process with all that descend from it, and others whose environment names the caches of its node."""
    mark = f"XDG_CACHE_HOME={caches}".encode()
    parents: dict[int, int] = {}
    marked = set()
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            pid = int(path.name)
            parents[pid] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if mark in (path / "environ").read_bytes().split(b"\0"):
                marked.add(pid)
    marked |= {root} & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in marked} - marked:
        marked |= more
    return sorted(marked)


def list_objects(repository: Path) -> list[str]:
    """The ids of all objects of a repository, as stock git lists them."""
    listed = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=repository)
    return sorted(listed.split())


def list_tree(snapshot: Snapshot) -> set[str]:
    """The ids of all that a snapshot consists of, as stock git lists them."""
    directory = snapshot.repository.directory
    listed = git("rev-list", "--objects", "--no-object-names", str(snapshot.tree), cwd=directory)
    return {str(snapshot.tag_oid), str(snapshot.commit), *listed.split()}


def _read_command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


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
    """A cluster, which has ended with all its processes when the block has.

    This process can be connected to one at a time, and connects again to another when it is needed.
    """
    cluster.disconnect()
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
