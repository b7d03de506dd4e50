"""What a model leaves in the directory of results: it is the caller's, and harmless."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from gitstore.bigfiles import scan
from gitstore.errors import CodeTerminated, GitstoreError, InvalidOutput
from tests.sandbox.conftest import Box
from tests.support import combinations


def test_files_belong_to_the_caller_and_keep_no_rights_of_their_owner(box: Box) -> None:
    box.out.chmod(0o700)
    box.write(
        create_state="""
        (out / "program").write_text("x")
        (out / "program").chmod(0o6755)
        (out / "closed").mkdir(mode=0)
        """
    )
    box.create_state()
    for path in (box.out, *box.out.iterdir()):
        assert path.stat().st_uid == os.geteuid()
    assert stat.S_IMODE((box.out / "program").stat().st_mode) == 0o755
    assert os.listdir(box.out / "closed") == []


def test_a_state_that_only_its_owner_may_read_can_be_read(box: Box) -> None:
    (box.state / "weights").write_text("42")
    (box.state / "weights").chmod(0o600)
    box.state.chmod(0o700)
    box.code.chmod(0o700)
    box.write(evaluate="return {'words': [(self.state / 'weights').read_text()]}")
    assert box.evaluate() == ["42"]


def test_links_are_not_followed(box: Box, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o4600)
    box.write(create_state=f"os.symlink({str(secret)!r}, out / 'link'); os.symlink('/etc', out / 'folder')")
    box.fails("create_state", InvalidOutput)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o4600


LINKS = {
    "a file of the user": "os.symlink(SECRET, out / 'weights')",
    "a file of the user, relatively": "os.symlink('../' * 20 + SECRET, out / 'weights')",
    "through another link": "os.symlink('b', out / 'a'); os.symlink(SECRET, out / 'b')",
    "a directory of the user": "os.symlink(os.path.dirname(SECRET), out / 'folder')",
    "deep in it": "(out / 'deep' / 'er').mkdir(parents=True); os.symlink(SECRET, out / 'deep' / 'er' / 'x')",
    "its own parent": "os.symlink('..', out / 'up')",
    "a file that is not there yet": "os.symlink(SECRET + '.new', out / 'weights')",
    "a device": "os.symlink('/dev/zero', out / 'weights')",
    "a file of a process": "os.symlink('/proc/self/environ', out / 'weights')",
}


@combinations.sample(5)
@pytest.mark.parametrize("operation", ["create_state", "train"])
@pytest.mark.parametrize("link", LINKS)
def test_a_link_to_what_the_sandbox_hides_is_no_result(
    box: Box, tmp_path: Path, operation: str, link: str
) -> None:
    """Saving the state would read what it leads to, as the user."""
    (tmp_path / "secret").write_text("secret")
    statement = f"SECRET = {str(tmp_path / 'secret')!r}\n{LINKS[link]}"
    box.write(**{"create_state" if operation == "create_state" else "save_state": statement})
    error = box.fails(operation, InvalidOutput)
    assert error.phase == ("create_state" if operation == "create_state" else "get_state")
    assert "is a link that leads out of it" in error.message
    assert "\n" not in error.message


def test_links_within_the_results_are_fine(box: Box) -> None:
    box.write(
        create_state="""
        (out / "blobs").mkdir()
        (out / "blobs" / "1").write_text("weights")
        os.symlink("blobs/1", out / "weights")
        os.symlink("blobs", out / "also")
        """
    )
    box.create_state()
    paths = [file.path.relative_to(box.out) for file in scan.scan_directory(box.out).walk()]
    assert sorted(map(str, paths)) == ["also/1", "blobs/1", "weights"]


@pytest.mark.parametrize(
    "statement", ["os.mkfifo(out / 'x')", "socket.socket(socket.AF_UNIX).bind(str(out / 'x'))"]
)
def test_pipes_and_sockets_are_no_files_of_a_state(box: Box, statement: str) -> None:
    box.write(create_state=statement)
    box.create_state()
    with pytest.raises(GitstoreError):
        scan.scan_directory(box.out)


def test_what_cannot_map_ids_changes_its_owner_meanwhile(box: Box, tmp_path: Path) -> None:
    """ramfs has no ID-mapped mounts."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    if subprocess.run(["mount", "-t", "ramfs", "ramfs", box.out], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        box.write(create_state="(out / 'weights').write_text(str(os.stat(out).st_uid))")
        box.create_state()
        assert (box.out / "weights").read_text() == "1000"
        assert (box.out.stat().st_uid, (box.out / "weights").stat().st_uid) == (0, 0)
    finally:
        subprocess.run(["umount", box.out], check=True)


def test_an_exception_of_a_full_disk_keeps_the_traceback(box: Box) -> None:
    box.write(evaluate="open('/tmp/x', 'wb').write(bytes(40 << 20))")
    error = box.fails("evaluate", CodeTerminated)
    assert 'File "code/model.py"' in error.traceback
    assert error.details() == {
        "at": "evaluate", "exit_code": None, "signal": None, "oom": False, "disk_full": True,
    }  # fmt: skip
