"""What a worker prints reaches the user, harmless on a terminal, and no reader can hold the worker up."""

from __future__ import annotations

import os
import pty
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gitstore.sandbox.output import KEPT, Output

MIB = 1 << 20


def copy(target: int, *blocks: bytes) -> Output:
    """Copy what a worker prints that prints these blocks, and ends."""
    output = Output(target)
    worker = os.dup(output.descriptor)
    output.start()
    for block in blocks:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(worker, rest) :]
    os.close(worker)
    output.close()
    assert not output._thread.is_alive()
    return output


@contextmanager
def reading(descriptor: int, pause: float = 0.0) -> Iterator[Callable[[], bytes]]:
    """Read until the end, with a pause after each block. The block gets a function that waits for that."""
    blocks: list[bytes] = []

    def read() -> None:
        try:
            while block := os.read(descriptor, 65536):
                blocks.append(block)
                time.sleep(pause)
        except OSError:  # the end of a terminal
            return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def wait() -> bytes:
        thread.join(30)
        assert not thread.is_alive()
        return b"".join(blocks)

    yield wait


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            with suppress(OSError):
                os.close(end)


def show_on_terminal(*blocks: bytes) -> str:
    """What a terminal gets of it."""
    ours, theirs = pty.openpty()
    with reading(ours) as wait:
        copy(theirs, *blocks)
        os.close(theirs)
        text = wait().decode()
    os.close(ours)
    return text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"plain\n", "plain\n"),
        (b"\x1b[2J\x1b]0;title\x07\x1b]52;c;eA==\x07", "\\x1b[2J\\x1b]0;title\\x07\\x1b]52;c;eA==\\x07"),
        ("\x9b31m\u202etxt".encode(), "\\x9b31m\\u202etxt"),
        (b"\xff\xfe invalid \xc3", "\\xff\\xfe invalid \\xc3"),
        ("größe 漢 🙂\n".encode(), "größe 漢 🙂\n"),
        (b"10 %\r20 %\n", "10 %\r20 %\n"),
        (b"a\0b\x08c\x7f", "a\\x00b\\x08c\\x7f"),
    ],
)
def test_a_terminal_gets_nothing_that_it_would_obey(printed: bytes, shown: str) -> None:
    assert show_on_terminal(printed) == shown


def test_a_character_may_come_in_pieces() -> None:
    ours, theirs = pty.openpty()
    output = Output(theirs)
    worker = os.dup(output.descriptor)
    output.start()
    for byte in "漢\x1b[1m".encode():
        os.write(worker, bytes([byte]))
        time.sleep(0.005)  # so that each byte is read alone
    os.close(worker)
    output.close()
    assert os.read(ours, 100).decode() == "漢\\x1b[1m"
    for end in (ours, theirs):
        os.close(end)


def test_others_get_the_bytes_as_they_are(tmp_path: Path) -> None:
    printed = bytes(range(256)) * 1000
    with open(tmp_path / "log", "wb") as file:
        file.write(b"before\n")
        file.flush()
        copy(file.fileno(), printed)
        file.write(b"after\n")
    assert (tmp_path / "log").read_bytes() == b"before\n" + printed + b"after\n"
    with pipe() as (ours, theirs), reading(ours) as wait:
        copy(theirs, printed)
        os.close(theirs)
        assert wait() == printed


def test_a_line_of_a_hundred_megabytes_fills_no_memory(tmp_path: Path) -> None:
    block = b"x" * MIB
    with open(tmp_path / "log", "wb") as file:
        output = copy(file.fileno(), *[block] * 100, b"\nend")
    assert (tmp_path / "log").stat().st_size == 100 * MIB + 4
    assert output.tail == b"x" * (KEPT - 4) + b"\nend"
    assert len(output._tail) <= 2 * KEPT + (1 << 18)


def test_the_last_of_it_is_kept() -> None:
    with open(os.devnull, "wb") as null:
        assert copy(null.fileno(), b"one", b"two").tail == b"onetwo"
        assert copy(null.fileno()).tail == b""
        printed = os.urandom(5 * MIB + 17)
        assert copy(null.fileno(), printed).tail == printed[-KEPT:]


def test_a_reader_that_is_fast_enough_misses_nothing() -> None:
    printed = os.urandom(MIB) * 32
    with pipe() as (ours, theirs), reading(ours) as wait:
        copy(theirs, printed)
        os.close(theirs)
        assert wait() == printed


def open_stuck_terminal() -> tuple[int, int]:
    return pty.openpty()


def open_stuck_socket() -> tuple[int, int]:
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


@pytest.mark.parametrize("open_ends", [os.pipe, open_stuck_terminal, open_stuck_socket])
def test_nobody_waits_for_a_reader_that_does_not_read(open_ends: Callable[[], tuple[int, int]]) -> None:
    ours, theirs = open_ends()
    start = time.monotonic()
    output = copy(theirs, b"x" * 16 * MIB, b"end")
    assert time.monotonic() - start < 9
    assert output.tail.endswith(b"xend")
    os.set_blocking(ours, False)
    shown = os.read(ours, 1 << 20)
    assert set(shown) <= set(b"x\r\n[gitstore: 0123456789 bytes of the model's output are not shown]")
    for end in (ours, theirs):
        os.close(end)


def test_a_slow_reader_is_told_what_it_missed() -> None:
    with pipe() as (ours, theirs), reading(ours, pause=0.005) as wait:
        copy(theirs, b"x" * 64 * MIB)
        os.close(theirs)
        shown = wait()
    assert b"bytes of the model's output are not shown]" in shown
    assert len(shown) < 64 * MIB


def test_a_reader_that_goes_away_ends_nothing() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    assert copy(theirs, b"x" * MIB, b"end").tail.endswith(b"end")
    os.close(theirs)
    assert copy(theirs, b"x" * MIB, b"end").tail.endswith(b"end")  # a descriptor that is closed


def test_a_reader_that_goes_away_meanwhile() -> None:
    ours, theirs = os.pipe()
    output = Output(theirs)
    worker = os.dup(output.descriptor)
    output.start()
    os.write(worker, b"first")
    assert os.read(ours, 5) == b"first"
    os.close(ours)
    for _ in range(3):
        os.write(worker, b"x" * 65536)
    os.close(worker)
    output.close()
    assert output.tail.endswith(b"x")
    os.close(theirs)


def test_nothing_of_the_users_descriptor_changes() -> None:
    with pipe() as (ours, theirs):
        before = os.get_blocking(theirs)
        descriptors = os.listdir("/proc/self/fd")
        copy(theirs, b"x")
        assert os.get_blocking(theirs) == before
        assert os.listdir("/proc/self/fd") == descriptors
        assert select.select([ours], [], [], 0)[0]
        assert os.read(ours, 10) == b"x"
