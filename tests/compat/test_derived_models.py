"""docs/format.md, "Derived models": branch, commits and settings of one, by gitstore and by stock git."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import scenes
from tests.support.commands import Fsck, Run, parsed
from tests.support.models import put
from tests.support.stock import Stock


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """digits with snapshots v1 and v2, of other code, and dogs, which is based on v1."""
    dogs = scenes.behind(tmp_path)
    put(dogs, "initial", {"weights": b"dogs"})
    return Stock(tmp_path / "digits")


@pytest.fixture
def dogs(stock: Stock) -> Path:
    return stock.directory.with_name("dogs")


def based_on(stock: Stock, snapshot: str) -> str:
    """The key `based_on` of a model that is based on this snapshot of digits."""
    tag, commit = stock.git("rev-parse", snapshot, f"{snapshot}^{{commit}}").split()
    return f"based_on:\n  model: digits\n  snapshot: {snapshot}\n  tag: {tag}\n  commit: {commit}\n"


def derive_by_hand(stock: Stock, name: str, snapshot: str) -> Path:
    """A derived model in a linked worktree, of stock git alone."""
    text = f"name: {name}\n{based_on(stock, snapshot)}"
    code = stock.entries(snapshot)["code"]
    tree = stock.tree({".gitignore": b"/states/\n", "code": code, "settings.yaml": text.encode()})
    commit = stock.commit(tree, f"{snapshot}^{{commit}}")
    directory = stock.directory.with_name(name)
    stock.git("worktree", "add", "--quiet", "-b", name, str(directory), commit)
    (directory / "states" / "initial").mkdir(parents=True)
    (directory / "states" / "initial" / "w").write_bytes(b"w")
    return directory


class TestWrittenByUs:
    def test_the_first_commit(self, stock: Stock) -> None:
        assert stock.git("log", "-1", "--format=%P", "dogs") == stock.git("rev-parse", "v1^{commit}")
        names = stock.git("ls-tree", "--name-only", "dogs").splitlines()
        assert names == [".gitignore", "code", "settings.yaml"]
        assert stock.git("rev-parse", "dogs:code") == stock.git("rev-parse", "v1:code")
        assert f"{stock.git('show', 'dogs:settings.yaml')}\n".endswith(based_on(stock, "v1"))

    def test_a_snapshot(self, stock: Stock, dogs: Path, run: Run) -> None:
        assert run("snapshot", "v1", cwd=dogs).code == 0
        assert stock.git("rev-parse", "dogs/v1:code") == stock.git("rev-parse", "v1:code")
        lines = stock.git("cat-file", "tag", "dogs/v1").splitlines()
        assert lines[2] == "tag dogs/v1"
        assert f"Based-On: digits@v1 {stock.git('rev-parse', 'v1')}" in lines

    def test_ancestry_keeps_the_base_without_its_tag(self, stock: Stock, dogs: Path, run: Run) -> None:
        assert run("snapshot", "v1", cwd=dogs).code == 0
        stock.git("tag", "--delete", "v1", "v2")
        for kept in (stock.directory / ".git" / "objects" / "pack").glob("*.keep"):
            kept.unlink()
        stock.git("reflog", "expire", "--expire=now", "--all")
        stock.git("gc", "--quiet", "--prune=now")
        assert run("verify", "--all", cwd=stock.directory).code == 0
        assert run("snapshot", "v2", cwd=dogs).code == 0

    def test_a_rebase_has_two_parents_and_the_code_of_the_new_base(
        self, stock: Stock, dogs: Path, run: Run
    ) -> None:
        tip = stock.git("rev-parse", "dogs")
        assert run("rebase", "v2", cwd=dogs).code == 0
        assert (
            stock.git("log", "-1", "--format=%P", "dogs") == f"{tip} {stock.git('rev-parse', 'v2^{commit}')}"
        )
        assert stock.git("rev-parse", "dogs:code") == stock.git("rev-parse", "v2:code")
        assert f"{stock.git('show', 'dogs:settings.yaml')}\n".endswith(based_on(stock, "v2"))

    def test_to_detach_changes_the_settings_alone(self, stock: Stock, dogs: Path, run: Run) -> None:
        tip = stock.git("rev-parse", "dogs")
        assert run("detach", cwd=dogs).code == 0
        assert stock.git("log", "-1", "--format=%P", "dogs") == tip
        assert stock.git("diff", "--numstat", tip, "dogs") == "1\t0\tsettings.yaml"
        (dogs / "code" / "new.py").write_text("new\n")
        assert run("snapshot", "v1", cwd=dogs).code == 0
        assert f"Based-On: digits@v1 {stock.git('rev-parse', 'v1')}" in stock.git(
            "cat-file", "tag", "dogs/v1"
        )
        assert run("verify", "--all", cwd=stock.directory).code == 0


class TestWrittenByGit:
    def test_one_is_a_model_like_any_other(self, stock: Stock, run: Run, fsck: Fsck) -> None:
        cats = derive_by_hand(stock, "cats", "v1")
        listed = parsed(run("models", "--json", cwd=stock.directory))
        assert {model["name"] for model in listed} == {"cats", "digits", "dogs"}
        for command in ("snapshot v1", "verify --all", "rebase v2", "snapshot v2", "verify --all"):
            assert run(*command.split(), cwd=cats).code == 0, command
        assert stock.git("rev-parse", "cats/v2:code") == stock.git("rev-parse", "v2:code")
        fsck(stock.directory)

    def test_one_of_a_rebase(self, stock: Stock, dogs: Path, run: Run) -> None:
        """A merge commit with the code of the other snapshot, and settings that name it."""
        text = stock.git("show", "dogs:settings.yaml").partition("based_on:")[0] + based_on(stock, "v2")
        top = stock.entries("dogs") | {"code": stock.entries("v2")["code"], "settings.yaml": text.encode()}
        commit = stock.commit(stock.tree(top), "dogs", "v2^{commit}")
        Stock(dogs).git("reset", "--quiet", "--hard", commit)
        assert run("snapshot", "v1", cwd=dogs).code == 0
        tagged = stock.git("cat-file", "tag", "dogs/v1")
        assert f"Based-On: digits@v2 {stock.git('rev-parse', 'v2')}" in tagged
        assert run("verify", "--all", cwd=dogs).code == 0

    def test_one_whose_code_git_has_changed_takes_no_snapshot(
        self, stock: Stock, dogs: Path, run: Run
    ) -> None:
        path = dogs / "code" / "model.py"
        path.chmod(0o644)
        path.write_text("another code\n")
        Stock(dogs).git("commit", "--quiet", "--all", "-m", "another code")
        assert run("snapshot", "v1", cwd=dogs).code == 1
        assert stock.git("tag", "--list", "dogs/*") == ""
