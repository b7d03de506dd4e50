"""A Ray cluster for all tests of launchers that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import ray_cluster
from tests.support.ray_cluster import RayCluster


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[RayCluster]:
    """Two nodes of one core each. Tests leave them as they found them, but for their caches."""
    with ray_cluster.running() as cluster:
        yield cluster
