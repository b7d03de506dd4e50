"""A descriptor that a model gets does not let it change the file."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys

import pytest

from gitstore.run.values import read_only


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"content")
    return path


def test_nobody_can_write_through_it_even_as_another_descriptor(path):
    with path.open("rb") as file:
        descriptor = read_only.open_protected(path, file.fileno())
    try:
        assert os.read(descriptor, 100) == b"content"
        assert not os.get_inheritable(descriptor)
        for flags in (os.O_RDWR, os.O_WRONLY, os.O_WRONLY | os.O_TRUNC):
            with pytest.raises(OSError, match="Read-only file system"):
                os.open(f"/proc/self/fd/{descriptor}", flags)
        with pytest.raises(OSError, match="Read-only file system"):
            os.fchmod(descriptor, 0o777)
        with pytest.raises(OSError, match="Read-only file system"):
            os.utime(descriptor)
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, 7)
        os.utime(path)  # by its name, as ever
        assert path.read_bytes() == b"content"
    finally:
        os.close(descriptor)
    path.write_bytes(b"other")


def test_links_are_followed(path):
    link = path.with_name("link")
    link.symlink_to(path)
    with link.open("rb") as file:
        descriptor = read_only.open_protected(link, file.fileno())
    assert os.read(descriptor, 100) == b"content"
    os.close(descriptor)


def test_a_file_that_is_replaced_meanwhile(path):
    with path.open("rb") as file:
        path.rename(path.with_name("before"))
        path.write_bytes(b"other")
        with pytest.raises(ValueError, match="it was replaced while it was opened"):
            read_only.open_protected(path, file.fileno())


def test_a_file_without_a_name(path):
    with path.open("rb") as file:
        path.unlink()
        assert read_only.open_protected(path, file.fileno()) is None


def test_a_system_without_namespaces(path):
    """Here, a process that may have no capabilities."""
    if shutil.which("setpriv") is None or os.geteuid() != 0:
        pytest.skip("only root can take rights away")
    script = (
        "import os, sys; from pathlib import Path; from gitstore.run.values import read_only\n"
        "path = Path(sys.argv[1]); file = path.open('rb')\n"
        "assert read_only.open_protected(path, file.fileno()) is None"
    )
    nothing = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    subprocess.run([*nothing, sys.executable, "-c", script, str(path)], check=True)
