"""Connecting to a cluster, where that fails at once."""

from __future__ import annotations

import socket
import sys

import pytest

from gitstore.launchers.ray.cluster import NoCluster, connect


@pytest.mark.parametrize("address", ["auto", "local", "", "host", "ray://host:1", "host:0", "host:70000"])
def test_addresses_that_name_no_cluster(address: str) -> None:
    """Ray would look for a cluster by itself, and join a stranger's."""
    with pytest.raises(NoCluster, match="not the address") as caught:
        connect(address)
    assert "HOST:PORT" in (caught.value.hint or "")


def test_nobody_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NoCluster, match=address):
            connect(address)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    with pytest.raises(NoCluster, match="Ray is not installed") as caught:
        connect("127.0.0.1:6379")
    assert "gitstore[ray]" in (caught.value.hint or "")
