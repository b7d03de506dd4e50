"""Notes as stock git reads and writes them, and two writers at once."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from gitstore.errors import Corrupt, GitstoreError
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.packs.oid import Oid
from gitstore.records import notes
from tests.support import combinations
from tests.support.commands import Fsck, Git
from tests.support.stock import Stock

REF = "refs/notes/evaluations"


def oids(count: int) -> list[Oid]:
    return [Oid(hashlib.sha1(b"%d" % number).digest()) for number in range(count)]


def put(repository: Repository, target: Oid, content: bytes, ref: str = REF) -> None:
    notes.change_notes(repository, ref, {target: lambda _: content}, reason="a test")


def write_with_git(stock: Stock, count: int) -> list[Oid]:
    """Notes of new commits, written by stock git."""
    who = "committer A <a@b.c> 0 +0000\ndata 1\nx\n"
    commits = "".join(f"commit refs/heads/many\nmark :{number + 1}\n{who}\n" for number in range(count))
    lines = "".join(f"N inline :{number + 1}\ndata 5\nnote\n\n" for number in range(count))
    if count:
        stock.git("fast-import", "--quiet", stdin=f"{commits}commit {REF}\n{who}{lines}".encode())
    return [Oid.parse(line) for line in (stock.git("rev-list", "many").split() if count else [])]


def head(git: Git, model: Model) -> Oid:
    return Oid.parse(git("rev-parse", "HEAD", cwd=model.directory).strip())


def test_no_note(model: Model, git: Git) -> None:
    assert notes.read_note(model.repository, REF, head(git, model)) == b""


def test_git_shows_what_we_write_and_the_other_way_round(model: Model, git: Git, fsck: Fsck) -> None:
    target = head(git, model)
    put(model.repository, target, b'{"a": 1}\n')
    assert git("notes", "--ref=evaluations", "show", cwd=model.directory) == '{"a": 1}\n'
    git("notes", "--ref=evaluations", "append", "-m", "by hand", cwd=model.directory)
    assert notes.read_note(model.repository, REF, target) == b'{"a": 1}\n\nby hand\n'
    assert git("log", "--format=%s", REF, cwd=model.directory).splitlines()[-1] == "Notes: a test"
    fsck(model.repository)


@combinations.sample(2)
@pytest.mark.parametrize(("ours", "theirs"), [(10, 10), (10, 300), (300, 0), (300, 300)])
def test_with_and_without_directories(model: Model, fsck: Fsck, ours: int, theirs: int) -> None:
    """git divides notes by two digits if there are many, and reads every mixture."""
    stock = Stock(model.directory)
    by_hand = write_with_git(stock, theirs)
    targets = [*by_hand, *oids(ours)]
    model.repository.objects.refresh()
    edits = {oid: lambda old: old + b"ours\n" for oid in targets[max(theirs - 5, 0) :]}
    notes.change_notes(model.repository, REF, edits, reason="many")
    fsck(model.repository)
    lines = map(str.split, stock.git("notes", "--ref=evaluations", "list").splitlines())
    listed: dict[str, str] = {target: blob for blob, target in lines}
    assert listed.keys() == set(map(str, targets))
    for oid in targets:
        expected = (b"note\n" if oid in by_hand else b"") + (b"ours\n" if oid in edits else b"")
        assert notes.read_note(model.repository, REF, oid) == expected
    for oid in (targets[0], targets[-1], targets[theirs - 1]):
        shown = stock.git("cat-file", "blob", listed[str(oid)]).encode()
        assert shown + b"\n" == notes.read_note(model.repository, REF, oid)
    assert any("/" in line for line in stock.git("ls-tree", "-r", REF).splitlines()) == (ours + theirs > 256)


def test_a_removed_note(model: Model, git: Git, fsck: Fsck) -> None:
    first, second = oids(2)
    put(model.repository, first, b"1\n")
    put(model.repository, second, b"2\n")
    put(model.repository, first, b"")
    listed = git("notes", "--ref=evaluations", "list", cwd=model.directory)
    assert [line.split()[1] for line in listed.splitlines()] == [str(second)]
    put(model.repository, second, b"")
    assert git("notes", "--ref=evaluations", "list", cwd=model.directory) == ""
    fsck(model.repository)


def test_nothing_changes_if_the_note_is_the_same(model: Model, git: Git) -> None:
    (target,) = oids(1)
    put(model.repository, target, b"1\n")
    before = git("rev-parse", REF, cwd=model.directory)
    put(model.repository, target, b"1\n")
    assert git("rev-parse", REF, cwd=model.directory) == before


def test_what_is_no_note_stays(model: Model, fsck: Fsck) -> None:
    stock, targets = Stock(model.directory), oids(300)
    taken = str(targets[0])[:2]
    tree = stock.tree(
        {taken: b"a file that has the name of a directory", "readme": b"mine", "zz": {"a": b"b"}}
    )
    stock.git("update-ref", REF, stock.commit(tree))
    notes.change_notes(model.repository, REF, {oid: lambda _: b"1\n" for oid in targets}, reason="many")
    assert stock.git("cat-file", "blob", f"{REF}:readme") == "mine"
    assert stock.git("cat-file", "blob", f"{REF}:zz/a") == "b"
    assert len(stock.git("notes", "--ref=evaluations", "list").splitlines()) == 300
    fsck(model.repository)


def test_one_note_in_two_spellings_has_the_lines_of_both(model: Model, fsck: Fsck) -> None:
    stock, (target,) = Stock(model.directory), oids(1)
    name = str(target)
    stock.git("update-ref", REF, stock.commit(stock.tree({name: b"a\n", name[:2]: {name[2:]: b"b\n"}})))
    assert sorted(notes.read_note(model.repository, REF, target).split()) == [b"a", b"b"]
    notes.change_notes(model.repository, REF, {target: lambda old: old + b"c\n"}, reason="joined")
    assert sorted(stock.git("notes", "--ref=evaluations", "show", name).split()) == ["a", "b", "c"]
    fsck(model.repository)


def test_writers_at_once_all_succeed(model: Model, fsck: Fsck) -> None:
    """Each has a repository of its own, as processes have."""
    targets, failures = oids(6), []

    def write(target: Oid) -> None:
        try:
            put(Repository(model.repository.git_directory), target, b"1\n")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [notes.read_note(model.repository, REF, target) for target in targets] == [b"1\n"] * 6
    fsck(model.repository)


def test_a_note_that_git_adds_meanwhile_is_kept(model: Model, git: Git) -> None:
    first, second = oids(2)
    calls: list[int] = []

    def edit(_: bytes) -> bytes:
        if not calls:  # between our look at the ref and our change of it
            git(
                "notes",
                "--ref=evaluations",
                "add",
                "-m",
                "theirs",
                str(head(git, model)),
                cwd=model.directory,
            )
        calls.append(1)
        return b"ours\n"

    put(model.repository, second, b"old\n")
    notes.change_notes(model.repository, REF, {first: edit}, reason="a test")
    assert len(calls) == 2
    assert notes.read_note(model.repository, REF, head(git, model)) == b"theirs\n"
    assert notes.read_note(model.repository, REF, first) == b"ours\n"
    assert notes.read_note(model.repository, REF, second) == b"old\n"


def test_notes_survive_stock_git(model: Model, git: Git, tmp_path: Path) -> None:
    """Pruning drops notes of objects that do not exist; merging keeps both sides' lines."""
    target = head(git, model)
    put(model.repository, target, b'{"name": "ours"}\n')
    clone = tmp_path / "mirror"
    git("clone", "--quiet", "--mirror", str(model.directory), str(clone), cwd=tmp_path)
    put(Repository(clone), target, b'{"name": "ours"}\n{"name": "theirs"}\n')
    put(model.repository, target, b'{"name": "ours"}\n{"name": "mine"}\n')
    git("fetch", "--quiet", str(clone), f"{REF}:refs/notes/theirs", cwd=model.directory)
    merge = ("notes", "--ref=evaluations", "merge", "--quiet", "-s", "cat_sort_uniq", "refs/notes/theirs")
    git(*merge, cwd=model.directory)
    git("notes", "--ref=evaluations", "prune", cwd=model.directory)
    lines = notes.read_note(model.repository, REF, target).splitlines()
    assert lines == [b'{"name": "mine"}', b'{"name": "ours"}', b'{"name": "theirs"}']


def test_a_note_that_is_too_large_is_refused(model: Model, git: Git) -> None:
    (target,) = oids(1)
    with pytest.raises(GitstoreError, match="at most 4,194,304 can be read again"):
        put(model.repository, target, bytes((4 << 20) + 1))
    assert model.repository.refs.get(REF) is None
    stock = Stock(model.directory)
    stock.git("update-ref", REF, stock.commit(stock.tree({str(target): bytes((4 << 20) + 1)})))
    with pytest.raises(Corrupt, match="cannot be read"):
        notes.read_note(model.repository, REF, target)


@pytest.mark.parametrize("kind", ["blob", "tree"])
def test_a_ref_that_leads_to_no_commit_is_damage(model: Model, kind: str) -> None:
    stock = Stock(model.directory)
    stock.git("update-ref", REF, stock.blob(b"x") if kind == "blob" else stock.tree({}))
    with pytest.raises(Corrupt):
        put(model.repository, oids(1)[0], b"1\n")
