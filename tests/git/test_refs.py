from __future__ import annotations

import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from gitstore.errors import Corrupt, GitstoreError, Locked
from gitstore.git import process as stock
from gitstore.git.refs import DamagedRef, RefChange, RefChanged, Refs
from gitstore.git.repository import Repository
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import fsck, git
from tests.support.failing import names, refuses
from tests.support.injection import git_under_strace
from tests.support.tracing import system_calls

REPEAT = "another command changed it meanwhile; check its change, then run the same command again"


@pytest.fixture
def oids(repository: Repository) -> list[Oid]:
    with repository.writer() as writer:
        found = [writer.add(Kind.BLOB, content) for content in (b"a", b"b", b"c")]
        writer.finish()
    return found


def shown(repository: Repository) -> dict[str, str]:
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=repository.directory).splitlines()
    return dict(line.split() for line in lines)


def test_refs_are_made_changed_and_deleted(repository: Repository, oids: list[Oid]) -> None:
    refs, (a, b, _) = repository.refs, oids
    refs.change([RefChange("refs/states/x", None, a), RefChange("refs/states/m/y", None, a)], "make")
    assert shown(repository) == {"refs/states/m/y": str(a), "refs/states/x": str(a)}
    refs.change([RefChange("refs/states/x", a, b), RefChange("refs/states/m/y", a, None)], "change")
    assert shown(repository) == {"refs/states/x": str(b)}
    assert (refs.get("refs/states/x"), refs.get("refs/states/m/y")) == (b, None)
    fsck(repository)


def test_a_change_of_nothing(repository: Repository) -> None:
    repository.refs.change([], "nothing")
    assert shown(repository) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, 1),
        (1, 2),
        (1, None),
        (2, None),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_ref_that_is_not_as_expected_changes_nothing(
    repository: Repository, oids: list[Oid], old: int | None, new: int | None, packed: bool
) -> None:
    refs = repository.refs
    refs.change([RefChange("refs/states/x", None, oids[0])], "make")
    if packed:
        git("pack-refs", "--all", cwd=repository.directory)
    before = shown(repository)
    change = RefChange(
        "refs/states/x",
        oids[old] if old is not None else None,
        oids[new] if new is not None else None,
    )
    with refuses("refs/states/x", hint=REPEAT, kind=RefChanged):
        refs.change([RefChange("refs/states/a", None, oids[0]), change], "swap")
    assert shown(repository) == before


def test_a_ref_that_is_gone(repository: Repository, oids: list[Oid]) -> None:
    with refuses("refs/states/x", hint=REPEAT, kind=RefChanged):
        repository.refs.change([RefChange("refs/states/x", oids[0], oids[1])], "swap")


def test_of_many_that_swap_at_once_one_wins(repository: Repository, oids: list[Oid]) -> None:
    """Each by a git of its own, and all of them start at the same time."""
    repository.refs.change([RefChange("refs/states/x", None, oids[0])], "make")
    others = [Repository(repository.common).refs for _ in range(4)]
    start = threading.Barrier(len(others))

    def swap(refs: Refs) -> str:
        start.wait()
        try:
            refs.change([RefChange("refs/states/x", oids[0], oids[1])], "swap")
        except GitstoreError as error:
            return type(error).__name__
        return "won"

    with ThreadPoolExecutor(len(others)) as pool:
        found = list(pool.map(swap, others))
    assert found.count("won") == 1
    assert set(found) <= {"won", "RefChanged", "Locked"}


def test_a_lock_is_explained(repository: Repository, oids: list[Oid]) -> None:
    lock = repository.common / "refs" / "states" / "x.lock"
    lock.parent.mkdir()
    lock.touch()
    with refuses("refs/states/x", hint=lock, kind=Locked):
        repository.refs.change([RefChange("refs/states/x", None, oids[0])], "make")
    lock.unlink()
    repository.refs.change([RefChange("refs/states/x", None, oids[0])], "make")


def test_a_lock_of_the_packed_refs_is_explained(repository: Repository, oids: list[Oid]) -> None:
    repository.refs.change([RefChange("refs/states/x", None, oids[0])], "make")
    git("pack-refs", "--all", cwd=repository.directory)
    git("config", "core.packedRefsTimeout", "0", cwd=repository.directory)
    lock = repository.common / "packed-refs.lock"
    lock.touch()
    with refuses("packed-refs", hint=lock, kind=Locked):
        repository.refs.change([RefChange("refs/states/x", oids[0], None)], "delete")


def test_a_name_below_a_ref_is_refused_in_git_s_words(repository: Repository, oids: list[Oid]) -> None:
    repository.refs.change([RefChange("refs/states/x", None, oids[0])], "make")
    with refuses("refs/states/x/y", "'refs/states/x'", kind=stock.GitFailed):
        repository.refs.change([RefChange("refs/states/x/y", None, oids[0])], "make")


def test_refs_below_a_prefix_come_by_name(repository: Repository, oids: list[Oid]) -> None:
    refs, names = repository.refs, ["refs/states/b", "refs/states/a", "refs/states/m/a", "refs/tags/a"]
    refs.change([RefChange(name, None, oids[0]) for name in names[:2]], "make")
    git("pack-refs", "--all", cwd=repository.directory)
    refs.change([RefChange(name, None, oids[1]) for name in names[2:]], "make")
    git("symbolic-ref", "refs/states/HEAD", "refs/states/a", cwd=repository.directory)
    assert list(refs.below("refs/states/")) == [
        ("refs/states/a", oids[0]), ("refs/states/b", oids[0]), ("refs/states/m/a", oids[1])
    ]  # fmt: skip
    assert [name for name, _ in refs.below("refs/states/m")] == ["refs/states/m/a"]
    assert list(refs.below("refs/nothing/")) == []
    assert [name for name, _ in refs.all()] == sorted(names)


def test_symbolic_refs(repository: Repository, oids: list[Oid]) -> None:
    refs = repository.refs
    assert (refs.symbolic("HEAD"), refs.get("HEAD")) == ("refs/heads/main", None)
    assert refs.symbolic("refs/states/HEAD") is None
    refs.change([RefChange("refs/states/x", None, oids[0])], "make")
    git("symbolic-ref", "refs/states/HEAD", "refs/states/x", cwd=repository.directory)
    assert refs.symbolic("refs/states/HEAD") == "refs/states/x"
    assert refs.symbolic("refs/states/x") is None
    assert refs.get("refs/states/HEAD") == oids[0]
    git("symbolic-ref", "refs/states/HEAD", "refs/states/unborn", cwd=repository.directory)
    assert refs.get("refs/states/HEAD") is None


def test_a_circle_of_symbolic_refs_leads_nowhere(repository: Repository) -> None:
    git("symbolic-ref", "refs/states/a", "refs/states/b", cwd=repository.directory)
    git("symbolic-ref", "refs/states/b", "refs/states/a", cwd=repository.directory)
    assert repository.refs.get("refs/states/a") is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (bytes(41), "zeros"),
        (b"garbage\n", "object id"),
        (b"0123\n", "object id"),
        (b"0" * 40 + b"\n", "object id"),
        (b"a" * 41 + b"\n", "object id"),
        (b"ref: refs/heads/../../x\n", "'refs/heads/../../x'"),
        (b"ref: /etc/passwd\n", "'/etc/passwd'"),
        (b"a" * 5000, "large"),
    ],
)
def test_a_damaged_ref_is_named_and_hides_no_other(
    repository: Repository, oids: list[Oid], content: bytes, why: str
) -> None:
    """A crash of the machine may leave an empty one, if git did not sync it."""
    refs, path = repository.refs, repository.common / "refs/tags/main"
    refs.change([RefChange("refs/tags/other", None, oids[0])], "make")
    path.write_bytes(content)
    for use in (refs.get, refs.symbolic):
        with pytest.raises(DamagedRef) as caught:
            use("refs/tags/main")
        assert names(caught.value, path, why)
    with refuses(caught.value.message, hint=caught.value.hint, kind=Corrupt):
        list(refs.below("refs/"))
    found = refs.list_below("refs/")
    assert found.refs == {"refs/tags/other": oids[0]}
    assert [str(each) for each in found.damaged] == [caught.value.message]


def test_the_remedy_for_a_damaged_ref_works(repository: Repository, oids: list[Oid]) -> None:
    refs, path = repository.refs, repository.common / "refs/tags/main"
    path.write_text("")
    with pytest.raises(DamagedRef) as caught:
        refs.get("refs/tags/main")
    assert caught.value.hint is not None
    command = caught.value.hint.partition("; ")[2].removesuffix(" restores it").replace(", then", " &&")
    subprocess.run(command.replace(" ID", f" {oids[0]}"), cwd=repository.directory, shell=True, check=True)
    assert refs.get("refs/tags/main") == oids[0]


def test_what_is_no_ref_at_all(repository: Repository, oids: list[Oid]) -> None:
    """What synchronising and desktop programs put there: git passes over some of it, and so do we."""
    tags, refs = repository.common / "refs/tags", repository.refs
    refs.change([RefChange("refs/tags/main", None, oids[0])], "make")
    for name in (".DS_Store", "main.lock", "my notes"):
        (tags / name).write_bytes(b"junk")
    os.mkfifo(tags / "pipe")
    found = refs.list_below("refs/tags/")
    assert found.refs == {"refs/tags/main": oids[0]}
    assert [str(each) for each in found.damaged] == [
        f"{tags}/my notes is damaged: it has a name that is not a valid ref name",
        f"{tags}/pipe is damaged: it is not a regular file",
    ]
    assert refs.get("refs/tags/my notes") is None


def test_a_damaged_line_of_packed_refs(repository: Repository, oids: list[Oid]) -> None:
    refs, path = repository.refs, repository.common / "packed-refs"
    refs.change([RefChange(f"refs/tags/{name}", None, oids[0]) for name in "abc"], "make")
    git("pack-refs", "--all", cwd=repository.directory)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2].replace(str(oids[0]), "garbage"), lines[3]]))
    assert [refs.get("refs/tags/a"), refs.get("refs/tags/c")] == [oids[0]] * 2
    with pytest.raises(DamagedRef) as caught:
        refs.get("refs/tags/b")
    assert names(caught.value, path, "line 3")
    found = refs.list_below("refs/tags/")
    assert list(found.refs) == ["refs/tags/a", "refs/tags/c"]
    assert [str(each) for each in found.damaged] == [caught.value.message]
    path.write_bytes(path.read_bytes()[:-5])
    assert [str(each) for each in refs.list_below("refs/").damaged][-1].endswith("line 4")


def test_the_user_s_hooks_are_not_run(repository: Repository, oids: list[Oid]) -> None:
    hook = repository.common / "hooks" / "reference-transaction"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    repository.refs.change([RefChange("refs/states/x", None, oids[0])], "make")
    assert repository.refs.get("refs/states/x") == oids[0]


def test_a_change_is_on_disk_when_it_returns(repository: Repository, oids: list[Oid]) -> None:
    """The file before it has its name, and then the name: git syncs neither unless told."""
    script = f"""
        from pathlib import Path
        from gitstore.packs.oid import Oid
        from gitstore.git.refs import RefChange
        from gitstore.git.repository import Repository
        refs = Repository(Path({str(repository.common)!r})).refs
        refs.change([RefChange("refs/states/m/x", None, Oid.parse("{oids[0]}"))], "make")
    """
    steps = system_calls(script, "fsync", "rename", below=repository.common)
    assert steps[:2] == [("fsync", "refs/states/m/x.lock"), ("rename", "refs/states/m/x")]
    assert sorted(steps[2:]) == [
        ("fsync", ""), ("fsync", "refs"), ("fsync", "refs/states"), ("fsync", "refs/states/m")
    ]  # fmt: skip


def test_several_deletions_happen_at_one_instant(
    repository: Repository, oids: list[Oid], tmp_path: Path
) -> None:
    """A git that is killed as it removes files has removed all refs before that, or none."""
    names = [f"refs/tags/{name}" for name in "abc"]
    for call in (
        "rename:signal=SIGKILL:when=1",
        "unlink:signal=SIGKILL:when=1",
        "unlink:signal=SIGKILL:when=2",
    ):
        for name in names:
            repository.refs.change([RefChange(name, None, oids[0])], "make")
        with pytest.MonkeyPatch.context() as patched:
            shim = git_under_strace(tmp_path / "shim", "update-ref", "-e", f"inject={call}")
            patched.setenv("PATH", str(shim), prepend=":")
            with suppress(GitstoreError):
                repository.refs.change([RefChange(name, oids[0], None) for name in names], "remove")
        left = [
            name
            for name, _ in Refs(repository.git_directory, common=repository.common, run=repository.git).all()
        ]
        assert left in ([], names), call
        for lock in (*repository.common.rglob("*.lock"), repository.common / "packed-refs.new"):
            lock.unlink(missing_ok=True)
        for name in left:
            repository.refs.change([RefChange(name, oids[0], None)], "remove")


def test_a_git_that_fails_after_the_change_has_made_it(
    repository: Repository, oids: list[Oid], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two changes the second fails: it is made nevertheless, by another git."""
    changes = [RefChange("refs/tags/a", None, oids[0]), RefChange("refs/tags/b", None, oids[0])]
    shim = git_under_strace(tmp_path / "shim", "update-ref", "-e", "inject=rename:error=ENOSPC:when=2")
    monkeypatch.setenv("PATH", str(shim), prepend=":")
    repository.refs.change(changes, "make")
    assert [repository.refs.get(change.ref) for change in changes] == [oids[0], oids[0]]


def test_what_cannot_be_finished_is_taken_back(
    repository: Repository, oids: list[Oid], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.common / "refs" / "tags" / "b" / "full").mkdir(parents=True)
    (repository.common / "refs" / "tags" / "b" / "full" / "file.lock").touch()
    changes = [RefChange("refs/tags/a", None, oids[0]), RefChange("refs/tags/b", None, oids[0])]
    with pytest.raises(GitstoreError):
        repository.refs.change(changes, "make")
    assert list(repository.refs.all()) == []


def test_deleting_a_symbolic_ref_leaves_its_goal(repository: Repository, oids: list[Oid]) -> None:
    repository.refs.change([RefChange("refs/states/x", None, oids[0])], "make")
    git("symbolic-ref", "refs/tags/a", "refs/states/x", cwd=repository.directory)
    repository.refs.change([RefChange("refs/tags/a", oids[0], None)], "delete")
    assert (repository.refs.symbolic("refs/tags/a"), repository.refs.get("refs/states/x")) == (None, oids[0])


@pytest.mark.parametrize("end", ["\v", "\f", "\x1c", " \v\n"])
def test_what_git_does_not_take_for_a_space(repository: Repository, end: str) -> None:
    """Python would cut it off, and see a branch where git sees none."""
    (repository.common / "HEAD").write_text(f"ref: refs/heads/main{end}")
    with pytest.raises(Corrupt):
        Repository(repository.common).refs.symbolic("HEAD")


def test_what_git_does_take_for_a_space(repository: Repository) -> None:
    (repository.common / "HEAD").write_text("ref:\t refs/heads/main \r\n\t")
    assert Repository(repository.common).refs.symbolic("HEAD") == "refs/heads/main"
    assert git("symbolic-ref", "HEAD", cwd=repository.directory) == "refs/heads/main\n"
