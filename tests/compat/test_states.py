"""docs/format.md, "States and their files": states that we save, and those that stock git writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.models.model import Model
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.models import joined, noise, put
from tests.support.stock import Entries, Stock

WEIGHTS = {"weights": b"\0\1\2\3\4\5\6\7"}


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """digits with a snapshot v1."""
    scenes.snapshot(tmp_path)
    return Stock(tmp_path / "digits")


def exported(stock: Stock, run: Run, name: str) -> dict[str, bytes] | None:
    """The files of a saved state, or `None` if it is refused as damaged."""
    target = stock.directory.parent / "exported" / name
    outcome = run("state", "export", name, str(target), cwd=stock.directory)
    if outcome.code == 12:
        assert not target.exists()
        return None
    assert outcome.code == 0, outcome.stderr
    files = (path for path in target.rglob("*") if path.is_file())
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in files}


def test_what_is_saved_is_plain_git(model: Model, git: Git, tmp_path: Path) -> None:
    contents = {"a": b"a", "sub/large": noise(LARGE + 1), "empty": b""}
    put(model, "initial", contents)
    save_state(model, "initial")
    out = ("worktree", "add", "--quiet", "--detach", str(tmp_path / "out"), "refs/states/initial")
    git(*out, cwd=model.directory)
    found = joined(tmp_path / "out")
    found.pop(".git")
    assert found == contents | WEIGHTS


def test_a_saved_state_is_a_commit_without_parents_of_the_snapshot_s_tree(stock: Stock, run: Run) -> None:
    assert run("state", "save", cwd=stock.directory).code == 0
    assert stock.git("cat-file", "-t", "refs/states/initial") == "commit"
    assert stock.git("log", "-1", "--format=%P", "refs/states/initial") == ""
    assert stock.git("rev-parse", "refs/states/initial^{tree}") == stock.git("rev-parse", "v1:state")


def test_the_smallest_file_in_parts(model: Model) -> None:
    put(model, "initial", {"below": bytes(LARGE - 1), "at": bytes(LARGE)})
    save_state(model, "initial")
    listed = Stock(model.directory).git("ls-tree", "--format=%(objectmode) %(path)", "refs/states/initial")
    assert listed.splitlines() == ["040000 at.parts", "100644 below", "100644 weights"]


def test_attributes_are_in_parts_whatever_their_size(model: Model, fsck: Fsck) -> None:
    put(model, "initial", {".gitattributes": b"* text\n", "sub/.gitattributes": b"", ".GITATTRIBUTES": b"x"})
    save_state(model, "initial")
    stock = Stock(model.directory)
    listed = stock.git("ls-tree", "-r", "--format=%(objectmode) %(path)", "refs/states/initial").splitlines()
    assert listed == [
        "100644 .GITATTRIBUTES.parts/00000000",
        "100644 .gitattributes.parts/00000000",
        "100644 sub/.gitattributes.parts/00000000",
        "100644 weights",
    ]
    fsck(model.directory)


def test_modes_links_and_empty_directories_are_not_kept(model: Model) -> None:
    directory = put(model, "initial", {"sub/run": b"run"})
    (directory / "sub" / "run").chmod(0o755)
    (directory / "link").symlink_to("sub/run")
    (directory / "linked").symlink_to("sub")
    (directory / "empty").mkdir()
    save_state(model, "initial")
    stock = Stock(model.directory)
    listed = stock.git("ls-tree", "-r", "--format=%(objectmode) %(path)", "refs/states/initial").splitlines()
    assert listed == ["100644 link", "100644 linked/run", "100644 sub/run", "100644 weights"]


def test_a_state_without_files_is_the_empty_tree(model: Model, run: Run) -> None:
    (model.claim_states() / "initial" / "weights").unlink()
    assert run("snapshot", "v1", cwd=model.directory).code == 0
    stock = Stock(model.directory)
    assert stock.git("rev-parse", "v1:state") == stock.git("hash-object", "-t", "tree", "/dev/null")


SOUND: dict[str, tuple[Entries, dict[str, bytes]]] = {
    "files": ({"a": b"a", "sub": {"b": b"b"}}, {"a": b"a", "sub/b": b"b"}),
    "parts": ({"w.parts": {"00000000": b"0", "00000001": b"1"}}, {"w": b"01"}),
    "empty-part": ({"w.parts": {"00000000": b""}}, {"w": b""}),
    "nothing": ({}, {}),
    "attributes": ({".gitattributes.parts": {"00000000": b"* text\n"}}, {".gitattributes": b"* text\n"}),
}


def test_what_git_wrote_is_exported(stock: Stock, run: Run) -> None:
    for name, (entries, _) in SOUND.items():
        stock.state(name, entries)
    found = {name: exported(stock, run, name) for name in SOUND}
    assert found == {name: files for name, (_, files) in SOUND.items()}


REFUSED: dict[str, Entries] = {
    "gap": {"w.parts": {"00000000": b"0", "00000002": b"2"}},
    "begins-with-one": {"w.parts": {"00000001": b"1"}},
    "both": {"w": b"w", "w.parts": {"00000000": b"0"}},
    "git": {"sub": {".git": b""}},
    "modules": {".gitmodules": b""},
    "up": {"..": b""},
    "submodule": {"other": f"160000 {'1' * 40}"},
}


def test_what_is_no_state_is_refused(stock: Stock, run: Run) -> None:
    for name, entries in REFUSED.items():
        stock.state(name, entries)
    assert [name for name in REFUSED if exported(stock, run, name) is not None] == []


def test_names_that_no_state_may_have_are_not_saved(model: Model, run: Run) -> None:
    stock = Stock(model.directory)
    for name in ("w.parts", "sub.parts/w", ".gitattributes/w", ".gitmodules", "GIT~1", "sub/.git"):
        put(model, "bad", {name: b"w"})
        assert run("state", "save", "bad", cwd=model.directory).code == 1, name
        assert run("snapshot", "v1", "--state", "bad", cwd=model.directory).code == 1, name
        (model.claim_states() / "bad" / name).unlink()
        for directory in sorted((model.claim_states() / "bad").glob("*")):
            directory.rmdir()
    assert stock.git("for-each-ref", "refs/states", "refs/tags") == ""


def test_a_ref_that_is_no_commit_is_refused(stock: Stock, run: Run) -> None:
    stock.git("update-ref", "refs/states/blob", stock.blob(b"x"))
    assert exported(stock, run, "blob") is None
