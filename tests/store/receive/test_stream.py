"""Bombs in front of git receive-pack: they are stopped before git has inflated anything large."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
from pathlib import Path

import pytest

from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.policy import reception
from gitstore.policy.limits import PushLimits
from gitstore.policy.refusal import Refusal
from gitstore.store.receive.stream import forward
from tests.support import crafting
from tests.support.crafting import MIB, Command, Craft, Received, number, zeros


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository of a store, with main and v1."""
    return crafting.make_bare(tmp_path)


def push(bare: Path, command: Command, pack: bytes) -> tuple[Refusal | None, Received]:
    """Push through the stream, as a front of a store does."""
    variables = {bound.key: bound.value for bound in reception.ENVIRONMENT}
    given, source = os.pipe()
    data = crafting.format_commands([command]) + pack

    def write() -> None:
        with os.fdopen(source, "wb") as file:
            try:
                file.write(data)
            except BrokenPipeError:
                return

    writer = threading.Thread(target=write)
    writer.start()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        ["git", "receive-pack", str(bare)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **crafting.tell_hook(bare), **variables},
    )  # fmt: skip
    assert process.stdin is not None
    refusal = forward(given, process.stdin.fileno(), PushLimits())
    os.close(given)
    writer.join()
    stdout, stderr = process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = crafting.read_report(bare)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    text = stderr.decode(errors="replace")
    is_accepted = b"unpack ok" in stdout and b"ng " not in stdout.rpartition(b"unpack ")[2]
    return refusal, Received(text, is_accepted, cpu, 0.0, after.ru_maxrss * 1024, facts)


def large_blobs(craft: Craft) -> None:
    """A gigabyte of zeros, in a megabyte."""
    content = zeros(128 * MIB)
    for _ in range(8):
        craft.add_entry(entry_header(Kind.BLOB, 128 * MIB) + content)


def one_blob(craft: Craft) -> None:
    """An object that says it has four gigabytes."""
    craft.add_entry(entry_header(Kind.BLOB, 4 << 30) + zeros(16 * MIB))


def large_results(craft: Craft) -> None:
    """A thousand deltas of 3 KiB, each of which makes 100 MiB."""
    oid = craft.blob(bytes(64 * 1024))
    for at in range(1000):
        delta = number(64 * 1024) + number(100 * MIB + 1) + b"\x80" * 1600 + b"\x01" + bytes([at % 256])
        craft.add_delta(oid, delta)


def large_base(craft: Craft) -> None:
    """A delta on an object that says it has a gigabyte."""
    craft.add_delta(craft.blob(b"b"), number(1 << 30) + number(1) + b"\x01x")


def one_result(craft: Craft) -> None:
    """One delta that makes 100 MiB: within all limits, but not of what git may allocate."""
    oid = craft.blob(bytes(64 * 1024))
    craft.add_delta(oid, number(64 * 1024) + number(100 * MIB) + b"\x80" * 1600)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (large_blobs, "expansion"),
        (one_blob, "object-size"),
        (large_results, "inflated-size"),
        (large_base, "object-size"),
        (one_result, None),
    ],
)
def test_a_bomb(bare: Path, make: object, rule: str | None) -> None:
    assert callable(make)
    craft, files = Craft(), crafting.list_files(bare)
    make(craft)
    refusal, received = push(bare, Command("refs/heads/other", Oid(b"\1" * 20)), craft.pack())
    assert not received.is_accepted
    assert (refusal.rule if refusal is not None else None) == rule
    assert refusal is not None or "attempting to allocate" in received.text
    assert crafting.list_files(bare) == files
    assert received.cpu < 1  # of the processor; git alone needs 6 to 100


def test_a_sound_push(bare: Path) -> None:
    craft = Craft()
    tag = craft.snapshot("v2", state={f"w{at}": os.urandom(MIB) for at in range(5)})
    refusal, received = push(bare, Command("refs/tags/v2", tag), craft.pack())
    assert refusal is None
    assert received.is_accepted, received.text
    assert crafting.list_refs(bare)["refs/tags/v2"] == tag


def test_git_that_wants_no_more(bare: Path) -> None:
    given, source = os.pipe()
    reader, sink = os.pipe()
    os.close(reader)
    craft = Craft()
    craft.blob(b"b")
    os.write(source, crafting.format_commands([Command("refs/heads/x", Oid(b"\1" * 20))]) + craft.pack())
    os.close(source)
    assert forward(given, sink, PushLimits()) is None
    os.close(given)
    os.close(sink)
