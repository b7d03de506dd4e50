"""What git would store, or give back, otherwise than it is on disk."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from gitstore.git.checkout import check_out
from gitstore.git.process import GitFailed
from gitstore.git.repository import Repository
from gitstore.packs.oid import Kind, Oid
from gitstore.staging.stage import Staged, list_code, stage_code
from tests.support import combinations, scenes
from tests.support.commands import git
from tests.support.failing import refuses
from tests.support.files import commit, make

CODE = PurePosixPath("code")
UTF16 = "größe\n".encode("utf-16")


@pytest.fixture
def model(tmp_path: Path) -> Repository:
    """A repository with code that is committed."""
    scenes.copy(_model, tmp_path)
    return Repository.discover(tmp_path / "repository")


def _model(root: Path) -> None:
    commit(Repository.create(root / "repository"), {b"code": {b"model.py": b"old\n"}})


def take(repository: Repository) -> Staged:
    with repository.writer() as writer:
        staged = stage_code(repository, writer, CODE)
        writer.finish()
    return staged


def blob(repository: Repository, staged: Staged, name: str) -> bytes:
    return Repository(repository.common).objects.read(staged.files[PurePosixPath(name)][1])[1]


def restored(repository: Repository, staged: Staged, name: str, scratch: Path) -> bytes:
    """What `gitstore restore` would write."""
    path = PurePosixPath(name)
    return (check_out(repository, staged.tree, [path], at=CODE, target=scratch) / path).read_bytes()


def committed(repository: Repository) -> str:
    git("add", "--all", "code", cwd=repository.directory)
    top = git("write-tree", cwd=repository.directory).strip()
    return git("rev-parse", f"{top}:code", cwd=repository.directory).strip()


@pytest.mark.parametrize("where", [".gitattributes", "code/.gitattributes", ".git/info/attributes"])
def test_a_file_that_a_filter_changes(model: Repository, where: str) -> None:
    """git-lfs, git-crypt, nbstripout: evaluate would read one thing on disk and another in the snapshot."""
    git("config", "filter.upper.clean", "tr a-z A-Z", cwd=model.directory)
    (model.directory / where).write_text("*.up filter=upper\n")
    make(model.directory, {b"code": {b"same.up": b"ABC", b"z.up": b"abc"}})
    with refuses("code/z.up", "filter=upper", hint="z.up -filter"):
        take(model)
    (model.directory / "code" / ".gitattributes").write_text("*.up filter=upper\nz.up -filter\n")
    if where != ".git/info/attributes":  # which is the strongest
        staged = take(model)
        assert (blob(model, staged, "same.up"), blob(model, staged, "z.up")) == (b"ABC", b"abc")
        assert str(staged.tree) == committed(model)


def test_a_filter_that_nobody_configured(model: Repository) -> None:
    make(model.directory, {b".gitattributes": b"*.bin filter=lfs\n", b"code": {b"a.bin": b"x"}})
    assert blob(model, take(model), "a.bin") == b"x"


def test_a_filter_that_fails(model: Repository) -> None:
    git("config", "filter.lfs.clean", "exit 3", cwd=model.directory)
    git("config", "filter.lfs.required", "true", cwd=model.directory)
    make(model.directory, {b".gitattributes": b"*.bin filter=lfs\n", b"code": {b"a.bin": b"x"}})
    with refuses("'lfs'", kind=GitFailed):
        take(model)


# Exact in both directions, by git's own conversion: the snapshot has what git stores, and says so.


@combinations.sample(2)
@pytest.mark.parametrize(
    ("attributes", "config", "content", "stored", "cause"),
    [
        ("*.x text eol=crlf", {}, b"1\r\n2\r\n", b"1\n2\n", "eol=crlf"),
        ("*.x working-tree-encoding=UTF-16", {}, UTF16, "größe\n".encode(), "working-tree-encoding=UTF-16"),
        ("", {"core.autocrlf": "true"}, b"1\r\n", b"1\n", "core.autocrlf=true"),
        ("*.x text=auto", {"core.eol": "crlf"}, b"1\r\n", b"1\n", "text=auto"),
        ("*.x ident", {}, None, b"$Id$\n", "ident"),
    ],
    ids=["eol", "encoding", "autocrlf", "core.eol", "ident"],
)
def test_what_git_gives_back_as_it_is(
    model: Repository,
    tmp_path: Path,
    *,
    attributes: str,
    config: dict[str, str],
    content: bytes | None,
    stored: bytes,
    cause: str,
) -> None:
    for key, value in config.items():
        git("config", key, value, cwd=model.directory)
    if content is None:  # the id of what is stored, as git checks it out
        content = f"$Id: {Oid.of(Kind.BLOB, stored)} $\n".encode()
    make(model.directory, {b".gitattributes": attributes.encode(), b"code": {b"a.x": content}})
    (model.directory / "code" / "model.py").unlink()  # its line ends are not those of autocrlf
    staged = take(model)
    assert blob(model, staged, "a.x") == stored
    assert restored(model, staged, "a.x", tmp_path / "scratch") == content
    (warning,) = staged.warnings
    assert warning.message == f"code/a.x: the snapshot has what git stores, not what is on disk ({cause})"
    assert str(staged.tree) == committed(model)
    assert list_code(model, CODE) == staged.files


@pytest.mark.parametrize(
    ("attributes", "config", "cause"),
    [
        ("*.x text", {}, "text"),
        ("*.x text=auto", {}, "text=auto"),
        ("*.x eol=lf", {}, "eol=lf"),
        ("", {"core.autocrlf": "input", "core.safecrlf": "true"}, "core.autocrlf=input"),
    ],
)
def test_line_ends_that_git_would_not_give_back(
    model: Repository, attributes: str, config: dict[str, str], cause: str
) -> None:
    for key, value in config.items():
        git("config", key, value, cwd=model.directory)
    make(model.directory, {b".gitattributes": attributes.encode(), b"code": {b"a.x": b"1\r\n"}})
    with refuses("code/a.x", cause, hint="a.x -text"):
        take(model)
    (model.directory / "code" / ".gitattributes").write_text("a.x -text\n")
    staged = take(model)
    assert (blob(model, staged, "a.x"), staged.warnings) == (b"1\r\n", ())


def test_line_ends_that_only_checking_out_changes(model: Repository) -> None:
    git("config", "core.autocrlf", "true", cwd=model.directory)
    make(model.directory, {b"code": {b"a.x": b"1\n"}})
    staged = take(model)
    assert blob(model, staged, "a.x") == b"1\n"
    assert [warning.message for warning in staged.warnings] == [
        "code/a.x and 1 more: git checkout and gitstore restore will not write what is on disk now"
        " (core.autocrlf=true)"
    ]


def test_line_ends_that_git_leaves_alone(model: Repository) -> None:
    """What the index has with CRLF, text=auto does not touch; and most files are none of its business."""
    make(model.directory, {b"code": {b"a.x": b"1\r\n", b"b.x": b"1\n"}})
    git("add", "code", cwd=model.directory)
    make(model.directory, {b".gitattributes": b"* text=auto\n", b"code": {b"a.x": b"1\r\n2\r\n"}})
    staged = take(model)
    assert (blob(model, staged, "a.x"), staged.warnings) == (b"1\r\n2\r\n", ())
    assert str(staged.tree) == committed(model)
