from __future__ import annotations

import errno
import hashlib
import os
import re
import resource
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.packs import growing_file
from gitstore.packs.format import KEEP_MARK
from gitstore.packs.writer import PackWriter
from tests.support.commands import fsck
from tests.support.content import MIB, noise
from tests.support.failing import refuses
from tests.support.limits import limit
from tests.support.packs import add_blobs, entry, pack_names, write_pack
from tests.support.tracing import system_calls
from tests.support.users import require_permissions

HINT = "nothing was recorded; make room or fix the directory's permissions, then try again"


def fail() -> NoReturn:
    """As the system does when the disk is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def failing_at(call: int, function: Callable[..., object]) -> Callable[..., object]:
    """The function, except that one of its calls fails."""
    calls = iter(range(1, 1_000_000))

    def once(*arguments: object, **named: object) -> object:
        if next(calls) == call:
            fail()
        return function(*arguments, **named)

    return once


def test_a_pack_has_an_index_and_a_keep_file_all_read_only(tmp_path: Path) -> None:
    written = write_pack(tmp_path / "pack", [b"a", b"b"])
    assert pack_names(tmp_path) == [f"{written.path.stem}{suffix}" for suffix in (".idx", ".keep", ".pack")]
    assert {path.stat().st_mode & 0o777 for path in written.path.parent.iterdir()} == {0o444}
    assert written.path.with_suffix(".keep").read_bytes() == KEEP_MARK
    assert written.path.name == f"pack-{written.path.read_bytes()[-20:].hex()}.pack"
    assert (written.size, written.objects) == (written.path.stat().st_size, 2)


def test_nothing_written_is_no_pack(tmp_path: Path) -> None:
    with PackWriter(tmp_path / "pack") as writer:
        assert writer.finish() is None
    assert pack_names(tmp_path) == []


def test_nothing_is_left_without_finish(tmp_path: Path) -> None:
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt), PackWriter(tmp_path / "pack") as writer:
        writer.append(*entry(b"a"))
        raise KeyboardInterrupt
    assert pack_names(tmp_path) == []
    assert threading.active_count() == threads


def test_the_steps_are_in_the_order_that_survives_a_crash(tmp_path: Path) -> None:
    """As the kernel sees them: content is synced before it has its name, and names before we are told."""
    script = f"""
        from pathlib import Path
        from tests.support.packs import write_pack
        write_pack(Path({str(tmp_path)!r}), [b"a"])
    """
    steps = [
        (call, re.sub(r"pack-.*[.]|gitstore-tmp-|-[^-]*$", " ", path).strip())
        for call, path in system_calls(script, "fsync", "rename", below=tmp_path)
    ]
    assert steps == [
        ("fsync", "pack"), ("fsync", "keep"), ("fsync", "idx"),
        ("rename", "pack"), ("rename", "keep"), ("rename", "idx"),
        ("fsync", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [
        (os, "fsync", 4),
        (os, "fchmod", 3),
        (os, "rename", 3),
        (os, "pwritev", 3),
        (os, "preadv", 1),
        (tempfile, "mkstemp", 3),
    ],
)
def test_a_step_that_fails_leaves_the_repository_as_it_was(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, calls: int
) -> None:
    objects = repository.common / "objects"
    add_blobs(repository.objects, b"before")
    before = pack_names(objects)
    for call in range(1, calls + 1):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, failing_at(call, getattr(owner, name)))
            last = name == "fsync" and call == 4
            with refuses(objects / "pack", os.strerror(errno.ENOSPC)):
                write_pack(objects / "pack", [b"after"])
        left = [path for path in pack_names(objects) if path not in before]
        assert not [path for path in left if path.startswith("gitstore-tmp-")]
        assert last or not [path for path in left if path.endswith(".idx")]
        fsck(repository)
    write_pack(objects / "pack", [b"after"])
    repository.objects.refresh()
    assert len(repository.objects.packs) == 2
    fsck(repository)


def test_a_failure_takes_nothing_from_another_process_that_wrote_the_same(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = repository.common / "objects" / "pack"
    write_pack(directory, [b"same"])
    before = pack_names(directory.parent)
    for call in (1, 2, 3):
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", failing_at(call, os.rename))
            with pytest.raises(GitstoreError):
                write_pack(directory, [b"same"])
        assert pack_names(directory.parent) == before
        fsck(repository)


def test_a_failed_flush_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells of a failed write-back once: to the thread that flushes, not to the last fsync."""
    monkeypatch.setattr(growing_file, "_FLUSH_EVERY", 1000)
    flushed = threading.Event()

    def failing(_: int) -> None:
        flushed.set()
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", failing)
    with PackWriter(tmp_path / "pack") as writer:
        writer.append(*entry(noise(2000)))
        assert flushed.wait(10)
        with refuses(tmp_path / "pack", os.strerror(errno.EIO)):
            writer.finish()
    assert pack_names(tmp_path) == []


def test_a_pack_is_flushed_while_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing_file, "_FLUSH_EVERY", MIB)
    flushed = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _: flushed.set())
    with PackWriter(tmp_path / "pack") as writer:
        writer.append(*entry(noise(MIB)))
        assert flushed.wait(10)


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    error = refuses(tmp_path, os.strerror(errno.EFBIG))
    with limit(resource.RLIMIT_FSIZE, 100_000), error:
        write_pack(tmp_path, [noise(200_000)])
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    require_permissions()
    tmp_path.chmod(0o555)
    with refuses(tmp_path, os.strerror(errno.EACCES)):
        PackWriter(tmp_path)


CONTENTS = [noise(3 * MIB, seed=1), b"small", noise(70_000, seed=2), b"weights " * 100_000]


@pytest.mark.parametrize("expected", [1, 3, 4, 5])
@pytest.mark.parametrize("late", [0, 2, 4])
def test_the_checksum_is_right_whatever_count_was_expected(
    repository: Repository, expected: int, late: int
) -> None:
    with PackWriter(repository.common / "objects" / "pack") as writer:
        for number, content in enumerate(CONTENTS):
            if number == late:
                writer.expect(expected)
            writer.append(*entry(content))
        if late == len(CONTENTS):
            writer.expect(expected)
        written = writer.finish()
    assert written is not None
    assert hashlib.sha1(written.path.read_bytes()[:-20]).hexdigest() == written.path.stem[5:]
    fsck(repository)


def test_the_file_is_read_again_only_if_the_count_was_not_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, preadv = [], os.preadv

    def counted(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        read.append(preadv(descriptor, buffers, offset))
        return read[-1]

    monkeypatch.setattr(os, "preadv", counted)
    for expected in (4, 5):
        read.clear()
        with PackWriter(tmp_path / "pack") as writer:
            writer.expect(expected)
            for content in CONTENTS:
                writer.append(*entry(content))
            written = writer.finish()
        assert written is not None
        assert sum(read) == (0 if expected == 4 else written.size - 32)


def test_a_file_that_cannot_be_read_again_is_no_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PackWriter(tmp_path / "pack") as writer, monkeypatch.context() as patch:
        patch.setattr(os, "preadv", failing_at(1, os.preadv))
        writer.expect(5)
        for content in CONTENTS:
            writer.append(*entry(content))
        with refuses(tmp_path):
            writer.finish()
    assert list((tmp_path / "pack").iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gitstore-")]


def test_little_waits_to_be_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry is added only when less than so many bytes of those before it wait."""
    monkeypatch.setattr(growing_file, "_MOST_WAITING", 1)
    with PackWriter(tmp_path / "pack") as writer:
        writer.expect(4)
        for content in CONTENTS:
            writer.append(*entry(content))
        written = writer.finish()
    assert written is not None
    assert hashlib.sha1(written.path.read_bytes()[:-20]).digest() == written.path.read_bytes()[-20:]


def test_what_the_kernel_does_not_write_at_once_is_written_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwritev, pwrite = os.pwritev, os.pwrite

    def only_some(descriptor: int, pieces: list[bytes], offset: int) -> int:
        return pwrite(descriptor, b"".join(pieces)[:30_000], offset)

    written = write_pack(tmp_path / "whole", CONTENTS)
    monkeypatch.setattr(os, "pwritev", only_some)
    monkeypatch.setattr(os, "pwrite", lambda to, data, offset: pwritev(to, [data[:40_000]], offset))
    assert write_pack(tmp_path / "some", CONTENTS).path.read_bytes() == written.path.read_bytes()


def test_an_entry_may_be_in_any_number_of_pieces(tmp_path: Path) -> None:
    oid, whole = entry(noise(100_000))
    expected = write_pack(tmp_path / "whole", [noise(100_000)])
    for step in (10, 1000, 99_999):
        with PackWriter(tmp_path / str(step)) as writer:
            writer.append(oid, *(whole[start : start + step] for start in range(0, len(whole), step)))
            written = writer.finish()
        assert written is not None and written.path.read_bytes() == expected.path.read_bytes()
        assert written.path.with_suffix(".idx").read_bytes() == expected.path.with_suffix(".idx").read_bytes()
