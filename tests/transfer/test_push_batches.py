"""Large pushes: batches, connections that break, and refs in transit."""

from __future__ import annotations

import logging
import random
from collections import Counter
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.models.model import Model
from gitstore.packs.oid import Kind, Oid
from gitstore.transfer import push, transit
from gitstore.transfer.transit import Blob
from gitstore.transfer.wire import PushRefused
from tests.support.combinations import more
from tests.support.commands import Fsck, git
from tests.support.cutting import cutting
from tests.support.models import again, noise, put, take
from tests.support.servers import daemon
from tests.support.sharing import connect, make_bare, send

MIB = 1 << 20
PART, BATCH, OVERHEAD = 40_000, 100_000, 20_000
"""Bytes of a file, of a batch, and of what an attempt sends beside blobs."""


def refs(directory: Path) -> set[str]:
    return set(git("for-each-ref", "--format=%(refname)", cwd=directory).split())


def limit(model: Model, size: str) -> None:
    git("config", "gitstore.pushBatch", size, cwd=model.directory)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return make_bare(tmp_path / "origin.git")


@pytest.fixture
def big(model: Model, bare: Path) -> Model:
    """A model with a snapshot of 6 MiB, to be pushed in batches of 1 MiB."""
    connected = connect(model, bare)
    put(connected, "initial", {"big": noise(6 * MIB)})
    take(connected, "v1")
    limit(connected, "1MiB")
    return again(connected)


def add_hook(bare: Path, name: str, script: str) -> None:
    hook = bare / "hooks" / name
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def allow_branches_and_tags(bare: Path) -> None:
    add_hook(bare, "update", 'case "$1" in refs/heads/*|refs/tags/*) exit 0;; esac\nexit 1')


def record_pushed_refs(bare: Path) -> Path:
    """Let a repository write each ref that is pushed into a file."""
    add_hook(bare, "post-receive", f'while read old new ref; do echo "$ref" >> "{bare}/pushed"; done')
    return bare / "pushed"


def largest_pack(directory: Path) -> int:
    return max(path.stat().st_size for path in (directory / "objects" / "pack").glob("*.pack"))


def test_no_pack_is_larger_than_a_batch(big: Model, bare: Path, fsck: Fsck) -> None:
    send(big)
    packs = list((bare / "objects" / "pack").glob("*.pack"))
    assert len(packs) >= 6
    parts = [Blob(*blob) for blob in transit.list_blobs(big.repository, b"v1\n")]
    assert largest_pack(bare) < max(MIB, *(part.size for part in parts)) + 10_000
    assert refs(bare) == {"refs/heads/main", "refs/tags/v1"}
    fsck(bare)


def test_a_small_push_has_no_batches(big: Model, bare: Path) -> None:
    limit(big, "1GiB")
    send(big)
    assert len(list((bare / "objects" / "pack").glob("*.pack"))) == 1


def test_variables_change_the_configuration_as_for_git(
    big: Model, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COUNT", "1"), ("KEY_0", "gitstore.pushBatch"), ("VALUE_0", "1GiB")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    send(big)
    assert len(list((bare / "objects" / "pack").glob("*.pack"))) == 1


@pytest.mark.parametrize("count", [2, *more([[1], [3]])])
def test_batches_go_over_several_connections(big: Model, bare: Path, fsck: Fsck, count: int) -> None:
    log = record_pushed_refs(bare)
    git("config", "gitstore.connections", str(count), cwd=big.directory)
    send(big)
    pushed = Counter(ref for ref in log.read_text().split() if ref.startswith(transit.NAMESPACES))
    assert len(pushed) == count
    assert min(pushed.values()) >= 2 + 6 // count  # it is made, each of its batches comes, and it goes
    assert refs(bare) == {"refs/heads/main", "refs/tags/v1"}
    fsck(bare)


@pytest.mark.parametrize(("connections", "batches"), [("2", 2), *more([("1", 0)])])
def test_a_large_push_below_the_limit_opens_two(
    big: Model, bare: Path, monkeypatch: pytest.MonkeyPatch, connections: str, batches: int
) -> None:
    monkeypatch.setattr(push, "_LARGE", MIB)
    limit(big, "1GiB")
    git("config", "gitstore.connections", connections, cwd=big.directory)
    log = record_pushed_refs(bare)
    send(big)
    pushed = [ref for ref in log.read_text().split() if ref.startswith(transit.NAMESPACES)]
    assert len(pushed) == 3 * batches  # made, moved, deleted
    assert refs(bare) == {"refs/heads/main", "refs/tags/v1"}


def test_branches_are_not_in_transit_for_speed_alone(
    big: Model, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_LARGE", MIB)
    limit(big, "1GiB")
    allow_branches_and_tags(bare)
    log = record_pushed_refs(bare)
    send(big)
    assert set(log.read_text().split()) == {"refs/heads/main", "refs/tags/v1"}


def test_a_host_of_branches_and_tags_alone(big: Model, bare: Path) -> None:
    allow_branches_and_tags(bare)
    send(big)
    assert refs(bare) == {"refs/heads/main", "refs/tags/v1"}
    assert len(list((bare / "objects" / "pack").glob("*.pack"))) >= 6


def test_what_a_killed_push_left_is_swept(big: Model, bare: Path) -> None:
    commit = transit.write_commit(big.repository, [], parent=None)
    for namespace in transit.NAMESPACES:
        for ref in transit.make_refs(big.repository, namespace, 3):
            git("push", "--quiet", "origin", f"{commit}:{ref}", cwd=big.directory)
    limit(big, "1GiB")
    send(big)
    assert refs(bare) == {"refs/heads/main", "refs/tags/v1"}


@pytest.mark.parametrize("refused", ["refs/tags/*", "refs/gitstore/*|refs/heads/*"])
def test_nothing_in_transit_stays_of_a_refused_push(big: Model, bare: Path, refused: str) -> None:
    add_hook(bare, "update", f'case "$1" in {refused}) exit 1;; esac')
    with pytest.raises(PushRefused, match=r"refuses (refs/tags/v1|the push): "):
        send(big)
    assert refs(bare) == set()


def test_a_batch_that_is_refused(big: Model, bare: Path) -> None:
    """As by a quota: the first ones had room."""
    add_hook(
        bare,
        "pre-receive",
        f"read old new ref; case $new in 0000*) exit 0;; esac\n"
        f'echo >> "{bare}/count"; [ $(wc -l < "{bare}/count") -le 3 ]',
    )
    with pytest.raises(PushRefused):
        send(big)
    assert refs(bare) == set()


def test_a_warning_that_comes_with_each_batch_is_told_once(
    big: Model, bare: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_hook(bare, "pre-receive", "echo warning: little room >&2")
    with caplog.at_level(logging.INFO, "gitstore"):
        send(big)
    assert [record.getMessage() for record in caplog.records] == ["remote: warning: little room"]


def test_refs_of_other_pushes_stay(big: Model, bare: Path) -> None:
    send(big)
    git("update-ref", "refs/gitstore/transit/0123456789abcdef", "refs/heads/main", cwd=bare)
    take(big, "v2")
    send(big)
    assert "refs/gitstore/transit/0123456789abcdef" in refs(bare)


@pytest.mark.parametrize("value", ["much", "0"])
def test_a_limit_that_is_none(big: Model, bare: Path, value: str) -> None:
    limit(big, value)
    with pytest.raises(GitstoreError, match=r"gitstore\.pushBatch"):
        send(big)
    assert refs(bare) == set()


@pytest.mark.parametrize("value", ["many"])
def test_a_number_of_connections_that_is_none(big: Model, bare: Path, value: str) -> None:
    git("config", "gitstore.connections", value, cwd=big.directory)
    with pytest.raises(GitstoreError, match=r"gitstore\.connections must be a number from 1 to 16"):
        send(big)
    assert refs(bare) == set()


@pytest.mark.parametrize(
    ("connections", "seed", "cuts"),
    [
        (2, 1, 4),
        *more((connections, seed, 20) for connections in (1, 2, 3) for seed in range(2)),
    ],
    ids=lambda value: str(value),
)
def test_a_connection_that_breaks_at_random_points(
    model: Model, bare: Path, fsck: Fsck, connections: int, seed: int, cuts: int
) -> None:
    """Of each attempt that broke, at most the batches under way are sent twice."""
    connected = connect(model, bare)
    put(connected, "initial", {f"{number}": noise(PART, number) for number in range(4 * cuts)})
    take(connected, "v1")
    limit(connected, str(BATCH))
    git("config", "gitstore.connections", str(connections), cwd=connected.directory)
    with daemon(bare) as url, cutting(url) as (through, proxy):
        git("remote", "set-url", "origin", through, cwd=connected.directory)
        generator, most = random.Random(seed), 0
        for _ in range(cuts):
            proxy.allowed = generator.randrange(OVERHEAD, 2 * BATCH)
            most += min(proxy.allowed, connections * (BATCH + OVERHEAD))
            with pytest.raises(GitstoreError):
                send(connected)
            assert not refs(bare) & {"refs/heads/main", "refs/tags/v1"}
        proxy.allowed = None
        send(connected)
        arrived = sum(path.stat().st_size for path in (bare / "objects" / "pack").glob("*.pack"))
        assert proxy.carried - arrived < most + OVERHEAD
    assert refs(bare) == {"refs/heads/main", "refs/tags/v1"}
    assert arrived < 4 * cuts * (PART + OVERHEAD)
    fsck(bare)


def test_batches_are_divided_by_size() -> None:
    blobs = [Blob(Oid.of(Kind.BLOB, bytes([size])), size) for size in (5, 5, 11, 1, 9, 2)]
    batches = [[blob.size for blob in batch] for batch in transit.divide(blobs, 10)]
    assert batches == [[5, 5], [11], [1, 9], [2]]


def test_batches_are_as_many_as_there_are_connections() -> None:
    blobs = [Blob(Oid.of(Kind.BLOB, bytes([number])), 1) for number in range(100)]
    assert [len(batch) for batch in transit.divide(blobs, 1000, count=2)] == [51, 49]
    assert [len(batch) for batch in transit.divide(blobs, 40, count=2)] == [40, 40, 20]
    assert len(list(transit.divide(blobs[:1], 1000, count=2))) == 1
    assert list(transit.divide([], 1000, count=2)) == []
