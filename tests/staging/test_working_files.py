"""Which files of the code directory there are, whatever git's index says of them."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest

from gitstore.errors import FileChanged
from gitstore.git.repository import Repository
from gitstore.staging.stage import list_code, stage_code
from gitstore.staging.working_files import scan
from tests.support import code
from tests.support.commands import git
from tests.support.failing import refuses
from tests.support.files import make
from tests.support.users import give_away, ordinary_user

CODE = PurePosixPath("code")


@pytest.fixture
def model(tmp_path: Path) -> Repository:
    return code.repository(tmp_path)


def names(repository: Repository) -> list[str]:
    return sorted(map(str, scan(repository, CODE).files))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with code, of an ordinary user, whose home is theirs."""
    repository = Repository.create(tmp_path / "r")
    make(repository.directory, {b"code": {b"model.py": b"m", b"sub": {b"a.py": b"a"}}})
    give_away(tmp_path)
    give_away(Path.home())
    return repository.directory


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o311])
def test_code_that_cannot_be_read(place: Path, mode: int) -> None:
    with ordinary_user(), closed(place / "code" / "sub", mode):
        repository = Repository.discover(place)
        shown = "code/sub/a.py" if mode == 0o444 else "code/sub"
        with refuses(shown, os.strerror(errno.EACCES)):
            scan(repository, CODE)
        (place / ".gitignore").write_text("sub/\n")
        assert names(repository) == ["model.py"]


def test_a_file_that_cannot_be_read(place: Path) -> None:
    with ordinary_user(), closed(place / "code" / "sub" / "a.py", 0):
        repository = Repository.discover(place)
        with refuses("code/sub/a.py", os.strerror(errno.EACCES)), repository.writer() as writer:
            stage_code(repository, writer, CODE)


def test_what_cannot_be_read_beside_what_is_ignored(place: Path) -> None:
    """git calls a directory ignored in which it sees nothing else, and cannot see into this one."""
    with ordinary_user():
        make(place, {b".gitignore": b"*.pyc\n", b"code": {b"lib": {b"a.pyc": b"a", b"inner": {b"b": b"b"}}}})
        with (
            closed(place / "code" / "lib" / "inner", 0),
            refuses("code/lib/inner", os.strerror(errno.EACCES)),
        ):
            scan(Repository.discover(place), CODE)


@contextmanager
def closed(path: Path, mode: int) -> Iterator[None]:
    """A path with other permissions, in the block."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


def test_a_path_too_long_to_open(model: Repository) -> None:
    here = os.open(model.directory / "code", os.O_RDONLY)
    for _ in range(17):
        os.mkdir("d" * 250, dir_fd=here)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("f", os.O_CREAT, dir_fd=here))
    os.close(here)
    with pytest.raises(Exception, match=os.strerror(errno.ENAMETOOLONG)):
        scan(model, CODE)


def test_flags_of_the_index_do_not_hide_what_is_on_disk(model: Repository) -> None:
    git("update-index", "--assume-unchanged", "code/model.py", cwd=model.directory)
    git("update-index", "--skip-worktree", "code/lib/a.py", cwd=model.directory)
    make(model.directory, {b"code": {b"model.py": b"new", b"lib": {b"a.py": b"newer"}}})
    before = (model.git_directory / "index").read_bytes()
    with model.writer() as writer:
        staged = stage_code(model, writer, CODE)
    assert staged.size == len(b"new" + b"newer")
    assert (model.git_directory / "index").read_bytes() == before


def test_a_sparse_checkout(model: Repository) -> None:
    """What it leaves out is in the snapshot as git has it, and that is told."""
    git("sparse-checkout", "set", "--no-cone", "/*", "!/code/lib", cwd=model.directory)
    assert not (model.directory / "code" / "lib").exists()
    make(model.directory, {b"code": {b"new.py": b"new"}})
    with model.writer() as writer:
        staged = stage_code(model, writer, CODE)
    assert sorted(map(str, staged.files)) == ["lib/a.py", "model.py", "new.py"]
    assert staged.size == len(b"a" + b"old" + b"new")
    assert [warning.message for warning in staged.warnings] == [
        "code/lib/a.py: not on disk (sparse checkout)"
    ]


def test_a_sparse_checkout_without_any_code(model: Repository) -> None:
    git("sparse-checkout", "set", "--no-cone", "/other", cwd=model.directory)
    assert not (model.directory / "code").exists()
    with model.writer() as writer:
        staged = stage_code(model, writer, CODE)
    assert str(staged.tree) == git("rev-parse", "HEAD:code", cwd=model.directory).strip()


def test_something_else_in_the_place_of_what_a_sparse_checkout_leaves_out(model: Repository) -> None:
    git("sparse-checkout", "set", "--no-cone", "/*", "!/code/lib", cwd=model.directory)
    make(model.directory, {b"code": {b"lib": b"a file"}})
    assert sorted(map(str, list_code(model, CODE))) == ["lib", "model.py"]


def test_code_that_is_ignored_but_tracked(model: Repository) -> None:
    make(model.directory, {b".gitignore": b"/code/\n", b"code": {b"model.py": b"new", b"untracked": b"u"}})
    assert names(model) == ["lib/a.py", "model.py"]


def test_a_merge_conflict(model: Repository) -> None:
    """Outside the code it is nobody's business; in there it is told."""
    for branch, content in (("one", b"1"), ("two", b"2")):
        git("switch", "--quiet", "-c", branch, "main", cwd=model.directory)
        make(model.directory, {b"code": {b"model.py": content}, b"other": content})
        git("commit", "--quiet", "-a", "-m", branch, cwd=model.directory)
    subprocess.run(["git", "merge", "one"], cwd=model.directory, capture_output=True, check=False)
    assert "U" in git("status", "--porcelain", cwd=model.directory)
    with model.writer() as writer:
        staged = stage_code(model, writer, CODE)
    assert [warning.message for warning in staged.warnings] == ["code/model.py: has a merge conflict"]


@pytest.mark.parametrize("variable", ["GLOB", "NOGLOB", "ICASE", "LITERAL"])
def test_how_git_is_told_to_read_paths(
    model: Repository, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    make(model.directory, {b"CODE": {b"m.py": b"m"}, b".gitignore": b"*.pyc\nbuild/\n"})
    make(model.directory / "code", {b"a.pyc": b"a", b"build": {b"b": b"b"}})
    monkeypatch.setenv(f"GIT_{variable}_PATHSPECS", "1")
    assert names(model) == ["lib/a.py", "model.py"]


def test_a_file_in_the_place_of_a_directory_and_the_other_way_round(model: Repository) -> None:
    (model.directory / "code" / "lib" / "a.py").unlink()
    (model.directory / "code" / "lib").rmdir()
    make(model.directory, {b"code": {b"lib": b"file"}})
    assert names(model) == ["lib", "model.py"]
    (model.directory / "code" / "lib").unlink()
    (model.directory / "code" / "real").mkdir()
    make(model.directory / "code" / "real", {b"a.py": b"a"})
    (model.directory / "code" / "lib").symlink_to("real")
    assert names(model) == ["lib", "model.py", "real/a.py"]


def test_a_file_system_without_modes(model: Repository) -> None:
    program = model.directory / "code" / "model.py"
    program.chmod(0o755)
    git("add", "code", cwd=model.directory)
    git("config", "core.fileMode", "false", cwd=model.directory)
    program.chmod(0o644)
    (model.directory / "code" / "lib" / "a.py").chmod(0o755)
    found = scan(Repository(model.common), CODE).files
    assert [oct(found[path].mode) for path in sorted(found)] == ["0o100644", "0o100755"]


def test_what_appears_after_the_scan_is_a_change_unless_git_ignores_it(model: Repository) -> None:
    """Also in a directory that git ignored because it ignored all its files."""
    place = model.directory / "code"
    make(place, {b".gitignore": b"*.o\n/cache/\n", b"build": {b"a.o": b""}, b"cache": {b"a": b""}})
    scanned = scan(model, CODE)
    make(place, {b"build": {b"b.o": b""}, b"cache": {b"b": b""}, b"b.o": b""})
    scanned.check_unchanged()
    for name in ("build/new.py", "new.py"):
        (place / name).touch()
        with pytest.raises(FileChanged):
            scanned.check_unchanged()
        (place / name).unlink()
        scanned.check_unchanged()
