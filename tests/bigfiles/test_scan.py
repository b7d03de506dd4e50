from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.bigfiles import scan as sources
from gitstore.bigfiles import stored
from gitstore.bigfiles.scan import check_unchanged, find_change, has_file, scan_directory, scan_paths
from gitstore.errors import FileChanged, GitstoreError
from gitstore.text import quoted
from tests.support.failing import names, refuses
from tests.support.files import Tree, make


def test_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to("gone")
    with refuses(f"{tmp_path}/model", "gone"):
        scan_directory(tmp_path)


def test_a_directory_loop(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to("..")
    with refuses(f"{tmp_path}/a/up"):
        scan_directory(tmp_path)


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    with refuses(f"{tmp_path}/a", os.strerror(errno.ELOOP)):
        scan_directory(tmp_path)


def test_two_links_to_one_directory_are_no_loop(tmp_path: Path) -> None:
    make(tmp_path / "state", {b"a": {b"f": b"x"}})
    (tmp_path / "state" / "b").symlink_to("a")
    assert len(list(scan_directory(tmp_path / "state").walk())) == 2


def test_directories_nested_without_end(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    too_deep = tmp_path.joinpath(*["d"] * (stored.DEEPEST + 1))
    with refuses(quoted(str(too_deep)), stored.DEEPEST):
        scan_directory(tmp_path)


def _socket(path: Path) -> None:
    os.chdir(path.parent)  # the path of a socket has 108 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def _device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")


@pytest.mark.parametrize(
    ("special", "what"),
    [(os.mkfifo, "a named pipe"), (_socket, "a socket"), (_device, "a device")],
    ids=["pipe", "socket", "device"],
)
def test_what_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, special: Callable[[Path], None], what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "thing"
    special(path)
    with refuses(path, what):
        scan_directory(tmp_path)


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".git ", ".g\u200cit", "x\\.git", ".git:x"])
@pytest.mark.parametrize("directory", [False, True])
def test_names_that_git_keeps(tmp_path: Path, name: str, directory: bool) -> None:
    path = tmp_path / name
    path.mkdir() if directory else path.touch()
    with refuses(path, repr(name)):
        scan_directory(tmp_path)


@pytest.mark.parametrize(
    "name", [".gitmodules", ".GitModules", "gitmod~1", "GITMOD~4", "gi7eba~1", "~1000000"]
)
def test_names_that_git_gives_a_meaning(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with refuses(tmp_path / name, repr(name)):
        scan_directory(tmp_path)


@pytest.mark.parametrize("name", ["x.parts", ".parts", "...parts"])
def test_names_that_we_keep(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with refuses(tmp_path / name, ".parts"):
        scan_directory(tmp_path)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with refuses(f"{tmp_path}/state"):
        scan_directory(tmp_path / "state")


def test_a_file_for_a_directory(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with refuses(f"{tmp_path}/state", os.strerror(errno.ENOTDIR)):
        scan_directory(tmp_path / "state")


def test_an_error_is_a_gitstore_error_whatever_the_name(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\n.parts")).touch()
    with refuses(".parts"):
        scan_directory(tmp_path)


def test_a_fan_of_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """15 directories, two links to the next in each: 65,534 paths. With 22, nobody has time to list them.

    Linux allows 40 links in a path, and counts again those of a look-up that it starts anew.
    """
    monkeypatch.setattr(sources, "MOST_RELISTED", 1000)
    (tmp_path / "15").mkdir()
    for number in range(15):
        (tmp_path / f"{number}").mkdir()
        for name in "ab":
            (tmp_path / f"{number}" / name).symlink_to(f"../{number + 1}")
    with refuses("links", 1000):
        scan_directory(tmp_path / "0")


def test_some_links_to_the_same_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_RELISTED", 20)
    make(tmp_path / "state", {b"a": {b"sub": {b"w": b"x"}, **{b"%d" % number: b"x" for number in range(3)}}})
    for number in range(4):
        (tmp_path / "state" / f"link {number}").symlink_to("a")
    assert len(list(scan_directory(tmp_path / "state").walk())) == 20
    (tmp_path / "state" / "one more").symlink_to("a/sub")
    with refuses("one more", "links"):
        scan_directory(tmp_path / "state")


@pytest.fixture
def long_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a file whose path is longer than any that the system opens."""
    (tmp_path / "state").mkdir()
    monkeypatch.chdir(tmp_path / "state")
    for _ in range(20):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    Path("weights").write_bytes(b"x")
    return tmp_path / "state"


@pytest.mark.parametrize("look", [scan_directory, has_file])
def test_a_path_that_is_too_long(long_path: Path, look: Callable[[Path], object]) -> None:
    with pytest.raises(GitstoreError) as caught:
        look(long_path)
    assert names(caught.value, "too long")
    assert len(caught.value.message) < 200


def test_a_directory_that_cannot_be_read_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an ordinary user, which root becomes for a moment. The directories above may be closed to others."""
    make(tmp_path, {b"closed": {b"w": b"x"}})
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    Path("closed").chmod(0)
    was = os.geteuid()
    os.seteuid(65534 if was == 0 else was)
    try:
        with refuses("./closed", os.strerror(errno.EACCES)):
            has_file(Path())
    finally:
        os.seteuid(was)
        Path("closed").chmod(0o755)


@pytest.mark.parametrize(
    ("name", "content"), [(b"a", b"other"), (b"z", b"new"), (b"sub", {b"new": b"x"}), (b"empty", {})]
)
def test_a_listing_that_is_no_longer_true(tmp_path: Path, name: bytes, content: bytes | Tree) -> None:
    make(tmp_path, {b"a": b"x", b"sub": {b"b": b"y"}})
    listing = scan_directory(tmp_path)
    check_unchanged(listing)
    make(tmp_path, {name: content})
    with pytest.raises(FileChanged) as caught:
        check_unchanged(listing)
    assert caught.value.path == tmp_path / os.fsdecode(name) / ("new" if name == b"sub" else "")
    assert find_change(listing, listing) is None


def test_a_listing_of_several_places(tmp_path: Path) -> None:
    make(tmp_path, {b"a": b"x", b"sub": {b"b": b"y"}})
    listing = scan_paths([tmp_path / "a", tmp_path / "sub"])
    check_unchanged(listing)
    (tmp_path / "sub" / "b").write_bytes(b"other")
    with pytest.raises(FileChanged):
        check_unchanged(listing)


def test_a_directory_where_git_has_attributes(tmp_path: Path) -> None:
    make(tmp_path, {b".gitattributes": {b"f": b"x"}})
    with refuses(f"{tmp_path}/.gitattributes", "directory"):
        scan_directory(tmp_path)
