from __future__ import annotations

import errno
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
from gitstore.packs import writer as pack_writer
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
        (os, "pwrite", 1),
        (os, "write", 2),
        (os, "pread", 2),
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
    monkeypatch.setattr(pack_writer, "_FLUSH_EVERY", 1000)
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
    monkeypatch.setattr(pack_writer, "_FLUSH_EVERY", MIB)
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
