from __future__ import annotations

import os
import shutil
import tracemalloc
from io import FileIO
from pathlib import Path, PurePosixPath

import pytest

from gitstore.bigfiles import stored
from gitstore.errors import FileChanged, GitstoreError
from gitstore.git.repository import Repository
from gitstore.objects.tree import Mode
from gitstore.objects.writer import ObjectHasher
from gitstore.packs.oid import Kind, Oid
from gitstore.staging.stage import Staged, stage_code
from gitstore.text import quoted
from tests.support import code
from tests.support.commands import fsck, git
from tests.support.content import MIB, noise
from tests.support.failing import refuses
from tests.support.files import commit, fetch, make, read
from tests.support.packs import pack_names

CODE = PurePosixPath("code")


@pytest.fixture
def model(tmp_path: Path) -> Repository:
    return code.repository(tmp_path)


def take(repository: Repository, code: PurePosixPath = CODE) -> Staged:
    """Stage the code, and see that nothing else has changed by it."""
    before = picture(repository)
    with repository.writer() as writer:
        staged = stage_code(repository, writer, code)
        writer.finish()
    assert picture(repository) == before
    return staged


def picture(repository: Repository) -> object:
    """What a user has: index, refs, files and their times, and what git says of them."""
    directory = repository.directory
    index = repository.git_directory / "index"
    files = {
        path: (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in sorted(directory.rglob("*"))
        if ".git" not in path.relative_to(directory).parts[:1]
    }
    loose = sorted(path.name for path in (repository.common / "objects").glob("??/*"))
    refs = sorted(path for path in (repository.common / "refs").rglob("*") if path.is_file())
    kept = sorted(path.name for path in repository.git_directory.iterdir() if path.name != "gitstore")
    return (
        index.read_bytes() if index.exists() else None,
        [path.read_bytes() for path in (*refs, *repository.git_directory.glob("HEAD"))],
        files,
        loose,
        kept,
        list(repository.private.glob(".*~new-*")) if repository.private.exists() else [],
        _status(directory),
    )


def _status(directory: Path) -> str:
    return git("--no-optional-locks", "status", "--porcelain", "--ignored", cwd=directory)


def committed(repository: Repository) -> str:
    """The tree of code/ if all of it were committed as git add and git commit do."""
    git("add", "--all", "code", cwd=repository.directory)
    top = git("write-tree", cwd=repository.directory).strip()
    return git("rev-parse", f"{top}:code", cwd=repository.directory).strip()


def test_committed_code_is_its_own_tree_and_adds_nothing(model: Repository) -> None:
    staged = take(model)
    assert str(staged.tree) == git("rev-parse", "HEAD:code", cwd=model.directory).strip()
    assert staged.size == 4
    assert staged.files == {
        PurePosixPath("lib/a.py"): (Mode.FILE, Oid.of(Kind.BLOB, b"a")),
        PurePosixPath("model.py"): (Mode.FILE, Oid.of(Kind.BLOB, b"old")),
    }
    assert pack_names(model.common / "objects") == []


def test_it_is_what_git_would_commit(model: Repository, tmp_path: Path) -> None:
    """Uncommitted, staged, new, deleted, executable, renamed, linked; ignored files are not in."""
    code = model.directory / "code"
    (model.directory / ".gitignore").write_text("*.pyc\n")
    make(code, {b"model.py": b"new", b"new.py": b"n", b"cache.pyc": b"no", b"caf\xc3\xa9 \xff:*?[x]": b"odd"})
    git("add", "code/new.py", cwd=model.directory)
    (code / "new.py").write_bytes(b"newer")
    (code / "run").write_bytes(b"#!")
    (code / "run").chmod(0o755)
    (code / "link").symlink_to("lib/b.py")
    (code / "lib" / "up").symlink_to("../model.py")
    (code / "lib" / "a.py").rename(code / "lib" / "b.py")
    staged = take(model)
    assert (staged.files[PurePosixPath("run")][0], staged.files[PurePosixPath("link")][0]) == (
        Mode.EXECUTABLE,
        Mode.LINK,
    )
    assert sorted(map(str, staged.files)) == [
        "café \udcff:*?[x]", "lib/b.py", "lib/up", "link", "model.py", "new.py", "run"
    ]  # fmt: skip
    assert staged.size == sum(
        len(os.readlink(code / path)) if (code / path).is_symlink() else (code / path).stat().st_size
        for path in staged.files
    )
    out = fetch(model, staged.tree, tmp_path / "out")
    shutil.copytree(code, tmp_path / "in", symlinks=True, ignore=shutil.ignore_patterns("*.pyc"))
    assert read(out) == read(tmp_path / "in")
    assert str(staged.tree) == committed(model)
    fsck(model)


def test_only_what_the_repository_lacks_is_written(model: Repository) -> None:
    (model.directory / "code" / "model.py").write_bytes(b"new")
    take(model)
    (pack,) = Repository(model.common).objects.own_packs
    assert {pack.index.oid(at) for at in range(pack.index.count)} == {
        Oid.of(Kind.BLOB, b"new"),
        Oid.parse(committed(model)),
    }
    assert take(model).tree == take(model).tree
    assert len(Repository(model.common).objects.own_packs) == 1


def test_an_unborn_branch_without_an_index(repository: Repository) -> None:
    make(repository.directory, {b"code": {b"model.py": b"x"}})
    assert not (repository.git_directory / "index").exists()
    assert list(take(repository).files) == [PurePosixPath("model.py")]


def test_code_in_a_directory_further_down(model: Repository) -> None:
    """Whose name is no pattern, whatever it looks like."""
    for name in ("a/b c", ":(top)x", "a*", "[a]", "-x", "\udcff"):
        code = PurePosixPath(name)
        make(model.directory / code, {b"m.py": b"m"})
        assert list(take(model, code).files) == [PurePosixPath("m.py")]


@pytest.mark.parametrize(
    "odd", ["a space", "col:on", "größe", 'quo"te', "back\\slash", "new\nline", "\udcff"]
)
def test_a_repository_anywhere(tmp_path: Path, odd: str) -> None:
    repository = commit(Repository.create(tmp_path / odd), {b"code": {b"model.py": b"x"}})
    make(repository.directory, {b"code": {b"new.py": b"n"}})
    assert len(take(repository).files) == 2
    (pack,) = Repository(repository.common).objects.own_packs
    assert pack.index.count == 2


def test_a_linked_worktree(model: Repository, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked", cwd=model.directory)
    linked = Repository.discover(tmp_path / "linked")
    (linked.directory / "code" / "model.py").write_bytes(b"new")
    assert take(linked).files[PurePosixPath("model.py")] == (Mode.FILE, Oid.of(Kind.BLOB, b"new"))
    assert take(model).files[PurePosixPath("model.py")] == (Mode.FILE, Oid.of(Kind.BLOB, b"old"))


def test_an_edit_in_the_second_of_the_last_add(model: Repository) -> None:
    """Same size, same time: git compares the index's own time to know that it must look."""
    path = model.directory / "code" / "model.py"
    for number in range(4):
        path.write_bytes(b"%03d" % number)
        git("add", "code", cwd=model.directory)
        path.write_bytes(b"%03d" % (number + 500))
        staged = take(model)
        assert staged.files[PurePosixPath("model.py")][1] == Oid.of(Kind.BLOB, b"%03d" % (number + 500))


def test_a_split_index(model: Repository) -> None:
    git("config", "core.splitIndex", "true", cwd=model.directory)
    git("update-index", "--split-index", cwd=model.directory)
    assert list(model.git_directory.glob("sharedindex.*"))
    (model.directory / "code" / "model.py").write_bytes(b"new")
    assert take(model).files[PurePosixPath("model.py")][1] == Oid.of(Kind.BLOB, b"new")


def test_an_index_that_another_git_holds(model: Repository) -> None:
    (model.git_directory / "index.lock").touch()
    assert len(take(model).files) == 2


def test_a_large_file(model: Repository) -> None:
    make(model.directory, {b"code": {b"vocabulary": noise(3 * MIB)}})
    assert take(model).size == 3 * MIB + 4


def test_the_user_s_hooks_are_not_run(model: Repository) -> None:
    for name in ("pre-commit", "post-index-change"):
        hook = model.common / "hooks" / name
        hook.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
        hook.chmod(0o755)
    (model.directory / "code" / "model.py").write_bytes(b"new")
    take(model)
    assert not list(model.directory.rglob("ran"))


def test_the_size_is_checked_before_anything_is_read(model: Repository) -> None:
    make(model.directory, {b"code": {b"dataset": bytes(3 * MIB)}})
    seen: list[int] = []

    def check_size(size: int) -> None:
        seen.append(size)
        raise GitstoreError("too large")

    with refuses("too large"), model.writer() as writer:
        try:
            stage_code(model, writer, CODE, check_size=check_size)
        finally:
            assert not writer.has(Oid.of(Kind.BLOB, bytes(3 * MIB)))
    assert seen == [3 * MIB + 4]


def test_a_file_that_is_not_read_into_memory(model: Repository) -> None:
    content = {b"zeros": bytes(24 * MIB), b"noise": noise(6 * MIB + 1)}
    make(model.directory, {b"code": dict(content)})
    tracemalloc.start()
    with model.writer() as writer:
        staged = stage_code(model, writer, CODE)
        writer.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * MIB
    git("config", "core.compression", "0", cwd=model.directory)
    objects = Repository(model.common).objects
    for name, wanted in content.items():
        oid = staged.files[PurePosixPath(os.fsdecode(name))][1]
        assert objects.read(oid, at_most=24 * MIB) == (Kind.BLOB, wanted)
    assert str(staged.tree) == committed(model)
    fsck(model)


def test_a_file_that_changes_between_its_two_readings(
    model: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(model.directory, {b"code": {b"dataset": bytes(5 * MIB)}})
    real = ObjectHasher.add_file

    def change(self: ObjectHasher, file: FileIO, *, size: int, path: Path) -> Oid:
        oid = real(self, file, size=size, path=path)
        with path.open("r+b") as other:
            other.write(b"x")
        return oid

    monkeypatch.setattr(ObjectHasher, "add_file", change)
    with refuses(f"{model.directory}/code/dataset", kind=FileChanged), model.writer() as writer:
        stage_code(model, writer, CODE)
    assert pack_names(model.common / "objects") == []


# What a snapshot cannot hold


def refuse(repository: Repository, *things: object, hint: object = "") -> None:
    before = picture(repository)
    with refuses(*things, hint=hint), repository.writer() as writer:
        stage_code(repository, writer, CODE)
    assert picture(repository) == before
    assert pack_names(repository.common / "objects") == []


def test_no_code_at_all(repository: Repository) -> None:
    refuse(repository, f"{repository.directory}/code", "not exist")


def test_code_that_is_all_ignored(repository: Repository) -> None:
    make(repository.directory, {b".gitignore": b"*.pyc\n", b"code": {b"a.pyc": b"x"}})
    refuse(repository, f"{repository.directory}/code", "ignores")


def nested(repository: Repository, *, born: bool) -> Path:
    inner = make(repository.directory / "code" / "lib" / "inner", {b"f": b"x"})
    git("init", "--quiet", cwd=inner)
    if born:
        git("add", ".", cwd=inner)
        git("commit", "--quiet", "-m", "m", cwd=inner)
    return inner


@pytest.mark.parametrize("born", [False, True])
def test_a_nested_repository(model: Repository, born: bool) -> None:
    nested(model, born=born)
    refuse(
        model,
        "code/lib/inner",
        hint="code/lib/inner/.git",
    )


def test_a_nested_repository_that_is_ignored(model: Repository) -> None:
    nested(model, born=True)
    (model.directory / ".gitignore").write_text("inner/\n")
    assert len(take(model).files) == 2


@pytest.mark.parametrize(
    ("at", "goal"), [("code/l", "/etc/passwd"), ("code/l", "../other"), ("code/lib/l", "../../other")]
)
def test_a_link_that_leads_out(model: Repository, at: str, goal: str) -> None:
    (model.directory / at).symlink_to(goal)
    refuse(
        model,
        at,
        goal,
    )


def test_a_name_that_could_not_be_taken_out_again(model: Repository) -> None:
    (model.directory / "code" / ".gitmodules").write_text("")
    refuse(
        model,
        "code/.gitmodules",
        "submodules",
    )


def test_directories_nested_without_end(model: Repository) -> None:
    deep = model.directory.joinpath("code", *["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "f").touch()
    shown = "/".join(["code", *["d"] * (stored.DEEPEST + 1)])
    refuse(model, quoted(shown), stored.DEEPEST)


@pytest.mark.parametrize("name", [".gitattributes", ".GITATTRIBUTES", "gitatt~1", ".gitattributes "])
def test_a_directory_where_git_has_its_attributes(model: Repository, name: str) -> None:
    make(model.directory / "code" / name, {b"f": b"x"})
    refuse(model, f"code/{name}", repr(name))


@pytest.mark.parametrize("name", [".gitattributes", ".gitignore", ".mailmap"])
def test_a_link_where_git_reads_a_file(model: Repository, name: str) -> None:
    (model.directory / "code" / name).symlink_to("model.py")
    refuse(model, f"code/{name}", "link")


def test_attributes_that_git_fsck_refuses(model: Repository) -> None:
    lines = b"a" * 2047 + b"\n" + b"b" * 2048
    make(model.directory, {b"code": {b"lib": {b".gitattributes": lines}}})
    refuse(model, "code/lib/.gitattributes:2", 2048)
    make(model.directory, {b"code": {b"lib": {b".gitattributes": b"a" * 2047}}})
    with model.writer() as writer:
        staged = stage_code(model, writer, CODE)
        commit = git("commit-tree", "-m", "m", committed(model), cwd=model.directory).strip()
        writer.finish()
    git("branch", "new", commit, cwd=model.directory)
    assert str(staged.tree) == committed(model)
    fsck(model)


def test_weights_in_the_code_that_git_lfs_did_not_bring(model: Repository) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"
    make(model.directory, {b"code": {b"data.bin": pointer, b"model.py": b"# " + pointer}})
    with model.writer() as writer:
        (warning,) = stage_code(model, writer, CODE).warnings
    assert warning.message == "code/data.bin: a Git LFS pointer, not the file itself"
